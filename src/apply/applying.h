/* What the files of this room share. */
#ifndef APPLY_APPLYING_H
#define APPLY_APPLYING_H

#include "apply.h"

/* One run, inside its transaction. */
typedef struct applying {
    mw_record *record;
    const mw_apply_document *document;
    const mw_apply_options *options;
    mw_arena *arena;
    mw_differences changes;
    bool is_done; /* of a dry run: all of it held, and the failure behind it is meant */
} applying;

/* Texts are borrowed; they must live in the arena. */
MW_CHECKED mw_status apply_note(applying *a, const mw_difference *change, mw_error *err);
/* A copy in the arena; "" when memory is gone, which the next apply_note tells. */
mw_view apply_words(applying *a, const char *format, ...) __attribute__((format(printf, 2, 3)));

MW_CHECKED mw_status apply_rollouts(applying *a, mw_error *err);
/* Read the models of those that are to start: what would break clients is found before anything is
 * written. */
MW_CHECKED mw_status apply_check_rollouts(mw_registry *registry, mw_arena *arena,
                                          const mw_apply_document *document, mw_error *err);

#endif
