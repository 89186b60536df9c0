/* What the files of `mw drift check` share: two files, their features, and the finding.
 *
 *     drift_rows.c     two CSV files --> columns side by side
 *     command_drift.c  columns --> measured, judged
 *     drift_joint.c    columns together
 *     drift_mmd.c      rows as a whole, by a kernel
 *     drift_text.c, drift_json.c, drift_html.c   the finding as text, JSON, JUnit and HTML */
#ifndef CLI_DRIFT_H
#define CLI_DRIFT_H

#include "call.h"
#include "frame_file.h"
#include "stats/stats.h"
#include "table/table.h"
#include "training_profile.h"

typedef enum cli_drift_state {
    CLI_DRIFT_COMPARED,
    CLI_DRIFT_REMOVED, /* in the reference alone */
    CLI_DRIFT_RETYPED, /* numbers became text */
} cli_drift_state;

/* One bin or category of the report. */
typedef struct cli_drift_bin {
    double low, high; /* of numbers: (low, high]; infinite: open */
    mw_view text;     /* of categories; data NULL: none */
    bool is_missing;
    double reference, current; /* rows */
} cli_drift_bin;

enum { CLI_DRIFT_QUANTILES = 5 }; /* min, 5 %, median, 95 %, max */

typedef struct cli_drift_feature {
    mw_view name;
    cli_drift_state state;
    ptrdiff_t in_reference, in_current; /* columns, or -1 */
    bool by_code;                       /* values are codes of `words`, else numbers */
    mw_words words;
    mw_drift_feature measured;
    double quantiles_reference[CLI_DRIFT_QUANTILES], quantiles_current[CLI_DRIFT_QUANTILES];
    cli_drift_bin *bins; /* owned */
    size_t n_bins;
    size_t n_new, n_lost; /* categories of one side alone */
    size_t new_rows;      /* current rows with new ones */
} cli_drift_feature;

/* What --joint found. */
typedef struct cli_drift_joint {
    bool is_told;
    const cli_drift_feature **features; /* n that were compared; owned, as all below */
    size_t n, *order;                   /* most of the change first */
    mw_drift_joint_chunk *chunks;
    double *residuals; /* (2, n) */
    mw_drift_joint_summary summary;
} cli_drift_joint;

/* What --mmd found. */
typedef struct cli_drift_mmd {
    bool is_told;
    const cli_drift_feature **features; /* n that were compared; owned, as all below */
    size_t n, *order;                   /* the largest share first */
    double *shares;                     /* n */
    mw_drift_mmd_summary summary;
} cli_drift_mmd;

typedef struct cli_drift {
    const cli_call *call;
    mw_drift_options options;
    cli_frame_file reference, current;
    bool by_profile; /* the reference is a training profile: `profile`; its frame has names and
                        kinds of columns, and no values */
    mw_profile profile;
    cli_drift_feature *features; /* in the order of the reference */
    size_t n_features;
    mw_view *added; /* columns of the current file alone */
    size_t n_added;
    mw_drift_summary summary;
    cli_drift_joint joint;
    cli_drift_mmd mmd;
    mw_arena memory; /* texts of bins, lists of names */
} cli_drift;

/* ---- command_drift.c ------------------------------------------------------------------------- */

void cli_drift_init(cli_drift *job, const cli_call *call);
/* The whole finding, of the call's options. Fails: MW1031 to MW1033, and as files do. */
MW_CHECKED mw_status cli_drift_make(cli_drift *job, mw_error *err);
void cli_drift_done(cli_drift *job);

/* ---- drift_rows.c ---------------------------------------------------------------------------- */

/* Read both files, and match their columns. Fails also: MW1033. */
MW_CHECKED mw_status cli_drift_read(cli_drift *job, mw_error *err);
/* Whether a name stands in the list of --columns or --categorical. */
bool cli_drift_is_listed(const cli_drift *job, cli_option_id list, mw_view name);

/* ---- drift_joint.c --------------------------------------------------------------------------- */

/* Rows of the columns that were compared, of both files; the caller frees all three. */
typedef struct cli_drift_table {
    const cli_drift_feature **features; /* n */
    bool *is_category;                  /* n */
    double *rows;                       /* (n_reference + n_current, n) */
    size_t n, n_reference, n_current;
} cli_drift_table;
MW_CHECKED mw_status cli_drift_take(const cli_drift *job, cli_drift_table *ret_table,
                                    mw_error *err);
/* MW8007: `option` needs rows, and the reference is a training profile. */
mw_status cli_drift_fail_profile(const cli_drift *job, const char *option, mw_error *err);

/* With --joint, into job->joint and job->summary.drifted; else nothing. Fails: MW8013, MW8007. */
MW_CHECKED mw_status cli_drift_check_joint(cli_drift *job, mw_error *err);
void cli_drift_joint_done(cli_drift_joint *joint);
/* Nothing where it was not asked for. */
void cli_drift_joint_sentence(const cli_drift *job, mw_buf *out);
void cli_drift_joint_json(const cli_drift *job, mw_buf *out);

/* ---- drift_mmd.c ----------------------------------------------------------------------------- */

/* The same with --mmd. */
MW_CHECKED mw_status cli_drift_check_mmd(cli_drift *job, mw_error *err);
void cli_drift_mmd_done(cli_drift_mmd *mmd);
void cli_drift_mmd_sentence(const cli_drift *job, mw_buf *out);
void cli_drift_mmd_json(const cli_drift *job, mw_buf *out);

/* ---- the finding ----------------------------------------------------------------------------- */

bool cli_drift_has_drifted(const cli_drift_feature *feature);
/* "drifted", "quiet", "watch", "not enough data", "removed", "retyped". */
const char *cli_drift_state_name(const cli_drift_feature *feature);
/* One clause: "wasserstein 0.41, from 0.1 on; p 3e-20". */
void cli_drift_why(const cli_drift *job, const cli_drift_feature *feature, mw_buf *out);
/* "0.41"; "-" for NaN. */
void cli_drift_number(mw_buf *out, double value);
/* One sentence over the whole. */
void cli_drift_headline(const cli_drift *job, mw_buf *out);

void cli_drift_text(const cli_drift *job, mw_buf *out);
void cli_drift_json(const cli_drift *job, mw_buf *out);
void cli_drift_junit(const cli_drift *job, mw_buf *out);
void cli_drift_html(const cli_drift *job, mw_buf *out);

#endif
