/* A column in few parts: its values where these are few, else quarters of its numbers. */
#ifndef CLI_BANDS_H
#define CLI_BANDS_H

#include "table/table.h"

enum { CLI_BANDS_VALUES = 50, CLI_BANDS_NUMBERS = 8, CLI_BANDS_PARTS = 4 };

typedef struct cli_bands {
    mw_view column;
    size_t n;         /* 0: too many texts, or nothing but missing */
    mw_view *names;   /* "=Female", " 17..25", " is missing" */
    uint16_t *of_row; /* part of each row */
} cli_bands;

/* `words`: of a text column, else without texts. Memory is the arena's. Fails: MW_NO_MEMORY. */
MW_CHECKED mw_status cli_bands_make(const mw_frame_column *column, const mw_words *words,
                                    size_t n_rows, mw_arena *arena, cli_bands *ret_bands,
                                    mw_error *err);

#endif
