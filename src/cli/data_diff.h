/* What differs between two tables: columns, rows, distributions. */
#ifndef CLI_DATA_DIFF_H
#define CLI_DATA_DIFF_H

#include "base/base.h"

/* Members of a JSON object, or lines for people. */
typedef struct data_diff {
    bool is_json;
    bool differs; /* set when something does */
} data_diff;

/* Compare two CSV texts and append to out. Fails: as mw_frame_read. */
MW_CHECKED mw_status data_diff_tables(data_diff *d, mw_view before, mw_view after, mw_buf *out,
                                      mw_error *err);

#endif
