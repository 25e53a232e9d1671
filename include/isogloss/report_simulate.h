#ifndef ISOGLOSS_REPORT_SIMULATE_H
#define ISOGLOSS_REPORT_SIMULATE_H

/** What a planned design would give: coverage, bias and width of intervals before any run is made. */

#include "isogloss/json.h"
#include "isogloss/simulate.h"

#include <stdio.h>

typedef struct isg_simulation {
    const char *source; /**< of the design */
    const isg_worlds *worlds;
    const isg_noise_plan *noise;
    const char *unit;              /**< of the clusters that are resampled */
    size_t n, good;                /**< campaigns simulated; with intervals */
    const bool *shown;             /**< [isg_world_numbers] */
    const double *truth;           /**< [isg_world_numbers] */
    const isg_coverage *number;    /**< [isg_world_numbers] */
    const char *const *place_name; /**< [n_places] */
} isg_simulation;

extern const char *const isg_noise_shape_name[]; /**< by isg_noise_shape, ended by NULL */

/** At most 80 columns. */
isg_err isg_report_simulation_text(const isg_simulation *simulation, FILE *out);

/** schemas/simulate.schema.json. */
isg_err isg_report_simulation_json(const isg_simulation *simulation, json_t **out);

#endif
