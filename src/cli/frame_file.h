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

#endif
