/* A CSV file as a frame. */
#ifndef CLI_FRAME_FILE_H
#define CLI_FRAME_FILE_H

#include "table/table.h"

typedef struct cli_frame_file {
    const char *path; /* "-" is standard input */
    char *bytes;      /* owned; the frame borrows them */
    size_t size;
    mw_frame frame;
    bool is_read; /* frame needs mw_frame_done */
} cli_frame_file;

/* Read file->path, .gz too, up to MW_LIMIT_STUDY_BYTES. Whether it fails or not,
 * cli_frame_file_done. */
MW_CHECKED mw_status cli_frame_file_read(cli_frame_file *file, mw_error *err);
/* The two halves of it: its bytes, unpacked; and these as a frame. */
MW_CHECKED mw_status cli_frame_file_load(cli_frame_file *file, mw_error *err);
MW_CHECKED mw_status cli_frame_file_parse(cli_frame_file *file, mw_error *err);
void cli_frame_file_done(cli_frame_file *file);

/* The next item of a list of columns, up to one of `marks`, as it is written; a name with marks
 * stands in double quotes: a,"b,c". */
mw_view cli_cut_item(mw_view *list, const char *marks);
/* The name that an item is: without its quotes. */
mw_view cli_item_name(mw_view item);

#endif
