# isogloss_test_except(NAME TIMEOUT s PROCESSORS n RESOURCE_LOCK x LABELS ...)

# A minute is the least time limit Slurm knows; then it requeues. Mostly waiting, so one processor.
isogloss_test_except(slurm_requeue TIMEOUT 240 PROCESSORS 1)
# These run the compiler with two jobs.
isogloss_test_except(build_analysis PROCESSORS 2)
isogloss_test_except(build_refused PROCESSORS 2)

# Downloads 40 MB of packages.
isogloss_test_except(corpus_real TIMEOUT 300 LABELS long)
# Downloads 40 MB and trains for a minute or two: make test-long.
isogloss_test_except(demo LABELS long TIMEOUT 900 PROCESSORS 2)
# Dozens of trainer processes, and limits in seconds that a busy machine stretches.
foreach(name bad_trainers orphans proxy_slots own_trainer)
  isogloss_test_except(${name} TIMEOUT 240 PROCESSORS 2)
endforeach()
# Real training: seconds on a free core, a multiple of that beside other tests or without vector units.
isogloss_test_except(train_protocol TIMEOUT 300)
isogloss_test_except(train_beats_counts TIMEOUT 300)
