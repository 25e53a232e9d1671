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
isogloss_test_except(train_branches TIMEOUT 300)
isogloss_test_except(train_beats_counts TIMEOUT 300)
isogloss_test_except(branches TIMEOUT 300 PROCESSORS 2)
# A minute or two of launches on idle cores; each may take a while on a busy machine. The long one
# kills 200 times more, from other seeds: make test-long.
isogloss_test_except(kill_campaign TIMEOUT 600 PROCESSORS 2)
if(TEST kill_campaign)
  add_test(NAME kill_campaign_long COMMAND ${ISOGLOSS_PYTHON}
    ${CMAKE_CURRENT_SOURCE_DIR}/fault/kill_campaign.py 50 1 2 3 4)
  isogloss_test(kill_campaign_long fault)
  isogloss_test_except(kill_campaign_long LABELS long TIMEOUT 3600)
endif()
# Two dozen launches of a few tenths of a second on idle cores, each of which may take a while.
isogloss_test_except(kill_fit TIMEOUT 300 PROCESSORS 2)
# The coverage study of docs/statistics.md: ten minutes on a free core. stat_coverage is its short form.
isogloss_test_except(stat_study LABELS long TIMEOUT 7200 PROCESSORS 2)
# 29 sets of published runs, each fitted below up to 15 thresholds with 200 refits.
isogloss_test_except(forecast_public TIMEOUT 300)
