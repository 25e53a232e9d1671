#!/bin/bash
# A private Slurm of one node (munged, slurmctld, slurmd) for tests: no systemd, no fixed ports,
# every path below DIR, as root or as an ordinary user.
#
#   throwaway_slurm.sh start DIR [CPUS]
#   eval "$(throwaway_slurm.sh env DIR)"     sets SLURM_CONF for sbatch, squeue, ...
#   throwaway_slurm.sh stop DIR
#
# Debian: slurmctld slurmd slurm-client munge.
set -u
action=${1:?start, env or stop}
dir=$(mkdir -p "${2:?a directory}" && cd "$2" && pwd -P)
cpus=${3:-4}
PATH=$PATH:/usr/sbin:/sbin
conf=$dir/etc/slurm.conf

# A zombie that process 1 has not reaped yet counts as gone.
running() {
    local state
    state=$(sed 's/.*) //' "/proc/$1/stat" 2>/dev/null) && [ -n "$state" ] && [ "${state%% *}" != Z ]
}
short_name() { uname -n | cut -d. -f1; } # hostname -s asks the resolver
alive() { [ -s "$1" ] && running "$(cat "$1")"; }

end_daemon() { # pid file
    local pid
    alive "$1" || return 0
    pid=$(cat "$1")
    kill "$pid" 2>/dev/null
    for _ in $(seq 50); do
        running "$pid" || break
        sleep 0.1
    done
    running "$pid" && kill -KILL "$pid" 2>/dev/null
    rm -f "$1"
}

free_ports() { # how many
    python3 -c '
import socket, sys
sockets = [socket.socket() for _ in range(int(sys.argv[1]))]
for s in sockets:
    s.bind(("127.0.0.1", 0))
print(*[s.getsockname()[1] for s in sockets])' "$1"
}

# The node is named like the host, so that mpirun starts ranks directly and not through srun.
# cred_expire: with the default of 120 s a requeued job waits that long. linuxproc, task/none and
# no accounting: no cgroups needed. config_overrides: more CPUs than there are.
write_conf() {
    local host me ports
    host=$(short_name)
    me=$(id -un)
    read -r -a ports <<<"$(free_ports 2)"
    mkdir -p "$dir/state" "$dir/log" "$dir/etc" "$dir/spool" "$dir/tmp"
    chmod 755 "$dir" "$dir/etc"
    chmod 1777 "$dir/tmp"
    cat >"$conf" <<CONF
ClusterName=throwaway
SlurmctldHost=$host(127.0.0.1)
SlurmctldPort=${ports[0]}
SlurmUser=$me
SlurmdUser=$me
AuthType=auth/munge
AuthInfo=socket=$dir/munge.sock,cred_expire=5
CredType=cred/munge
StateSaveLocation=$dir/state
SlurmdSpoolDir=$dir/spool
SlurmctldPidFile=$dir/slurmctld.pid
SlurmdPidFile=$dir/slurmd.pid
SlurmctldLogFile=$dir/log/slurmctld.log
SlurmdLogFile=$dir/log/slurmd.log
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
SwitchType=switch/none
MpiDefault=none
JobAcctGatherType=jobacct_gather/none
AccountingStorageType=accounting_storage/none
JobCompType=jobcomp/filetxt
JobCompLoc=$dir/jobcomp.log
SelectType=select/cons_tres
SelectTypeParameters=CR_Core
SchedulerType=sched/backfill
SchedulerParameters=sched_interval=2,bf_interval=2,sched_min_interval=0,batch_sched_delay=0
ReturnToService=2
KillWait=5
MinJobAge=600
SlurmctldTimeout=30
SlurmdTimeout=60
InactiveLimit=0
Waittime=0
JobRequeue=1
SlurmdParameters=config_overrides
PropagateResourceLimits=NONE
TmpFS=$dir/tmp
MailProg=/bin/true
NodeName=$host NodeHostname=$host NodeAddr=127.0.0.1 Port=${ports[1]} CPUs=$cpus RealMemory=1024 State=UNKNOWN
PartitionName=test Nodes=ALL Default=YES MaxTime=INFINITE State=UP OverSubscribe=NO
CONF
    printf 'CgroupAutomount=no\nConstrainCores=no\nConstrainRAMSpace=no\n' >"$dir/etc/cgroup.conf"
}

start() {
    export SLURM_CONF=$conf
    (umask 077 && dd if=/dev/urandom of="$dir/munge.key" bs=1024 count=1 status=none)
    chmod 400 "$dir/munge.key"
    # --force: parents of the socket below a directory that others can write to
    munged --force -S "$dir/munge.sock" --key-file="$dir/munge.key" --pid-file="$dir/munged.pid" \
        --log-file="$dir/munged.log" --seed-file="$dir/munge.seed" --num-threads=2 \
        2>"$dir/munged.err" || { cat "$dir/munged.err" && return 1; }
    write_conf
    slurmctld -f "$conf" -c || return 1
    slurmd -N "$(short_name)" -f "$conf" || return 1
    for _ in $(seq 100); do
        [ "$(sinfo -h -t idle -o %D 2>/dev/null)" = 1 ] && return 0
        sleep 0.1
    done
    echo "the node does not become idle:"
    sinfo -N -l
    tail -n 5 "$dir"/log/*.log
    return 1
}

tree_of() { # every descendant first, then the process
    local child
    for child in $(pgrep -P "$1"); do tree_of "$child"; done
    echo "$1"
}

stop() { # jobs first (TERM, KillWait, KILL by slurmd), then the daemons
    if alive "$dir/slurmctld.pid"; then
        export SLURM_CONF=$conf
        timeout 5 scancel -u "$(id -un)" 2>/dev/null
        for _ in $(seq 100); do
            [ -z "$(timeout 5 squeue -h -o %i 2>/dev/null)" ] && break
            sleep 0.1
        done
    fi
    end_daemon "$dir/slurmd.pid"
    end_daemon "$dir/slurmctld.pid"
    end_daemon "$dir/munged.pid"
    # A step that outlived its slurmd keeps slurmd's directory.
    for pid in $(pgrep -x slurmstepd); do
        case $(readlink "/proc/$pid/cwd") in
        "$dir"/*) for p in $(tree_of "$pid"); do kill -KILL "$p" 2>/dev/null; done ;;
        esac
    done
    return 0
}

case $action in
start) start || { stop && exit 1; } ;;
env) echo "export SLURM_CONF='$conf'" ;;
stop) stop ;;
*) sed -n '2,9p' "$0" >&2 && exit 2 ;;
esac
