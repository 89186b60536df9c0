/* A feature dictionary: what people call the features of a model. YAML that a person writes:
 *
 *     version: "2026-01"
 *     features:
 *       income:
 *         name: yearly income          in words; the column's name without it
 *         unit: EUR                    behind a number
 *         decimals: 0                  of a number; as many as needed without it
 *         up: income of {value}        said when it raises the score; {name}, {value}
 *         down: income is only {value} said when it lowers it
 *         group: means                 one reason together with others
 *         show: true                   false: never given as a reason
 *         missing: not stated          said for a missing value
 *         categories: {gas: gas heating}
 *     groups:
 *       means: {name: income and means, up: ..., down: ...}
 *
 * Strict: an unknown key, feature, group or category is an error with its line, its column and the
 * nearest word. Reasons that weigh the same come in the order of `features`. */
#ifndef CLI_DICTIONARY_H
#define CLI_DICTIONARY_H

#include "model/model.h"

typedef struct cli_dictionary_entry {
    mw_view name, unit, up, down, missing;
    int decimals; /* -1: as many as needed */
    bool show;
    size_t group;              /* in groups */
    const mw_view *categories; /* by code; NULL: as the model has them */
} cli_dictionary_entry;

typedef struct cli_dictionary_group {
    mw_view key, name, up, down;
    size_t n_members;
} cli_dictionary_group;

typedef struct cli_dictionary {
    mw_view version;
    cli_dictionary_entry *entries; /* n_features */
    cli_dictionary_group *groups;  /* one for each feature that has no other */
    size_t n_groups;
} cli_dictionary;

/* Memory is the arena's. Fails: MW_NOT_FOUND, MW_IO, MW_BAD_DATA; MW_BAD_ARGUMENT with MW1025. */
MW_CHECKED mw_status cli_dictionary_read(const char *path, const mw_forest *forest, mw_arena *arena,
                                         cli_dictionary *ret_dictionary, mw_error *err);
/* The same from memory; `name` stands for the file in messages. */
MW_CHECKED mw_status cli_dictionary_parse(mw_view text, const char *name, const mw_forest *forest,
                                          mw_arena *arena, cli_dictionary *ret_dictionary,
                                          mw_error *err);
/* A draft of one, from what the model knows. */
void cli_dictionary_draft(const mw_forest *forest, mw_buf *out);

#endif
