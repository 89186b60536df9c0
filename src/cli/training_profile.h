/* Training profiles from files: of CSV rows, or as they were written. */
#ifndef CLI_TRAINING_PROFILE_H
#define CLI_TRAINING_PROFILE_H

#include "frame_file.h"
#include "stats/stats.h"

/* Lists of names with commas between; NULL: none, of columns: all. */
typedef struct cli_profile_wishes {
    const char *columns, *labels, *categorical;
} cli_profile_wishes;

/* Whether a file's bytes are a profile rather than CSV: they begin with '{'. */
bool cli_is_profile(const cli_frame_file *file);
/* Whether a name stands in a list; NULL: no. */
bool cli_names_have(const char *list, mw_view name);
/* Of each name in `list` a column must be there. Fails: MW_NOT_FOUND (MW1033), with the nearest. */
MW_CHECKED mw_status cli_check_columns(const mw_frame *frame, const char *option, const char *list,
                                       mw_error *err);

/* The profile of a file of rows; a profile is read as it is. The file is loaded here, and may be
 * done with at once. Whether it fails or not, mw_profile_done. Fails: as cli_frame_file_read,
 * mw_profile_read; MW_NOT_FOUND (MW1033). */
MW_CHECKED mw_status cli_profile_read(cli_frame_file *file, const cli_profile_wishes *wishes,
                                      mw_profile *ret_profile, mw_error *err);
/* The same of a path. */
MW_CHECKED mw_status cli_profile_load(const char *path, mw_profile *ret_profile, mw_error *err);

#endif
