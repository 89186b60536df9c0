/* What the files of this room share. */
#ifndef REGISTRY_RECORD_H
#define REGISTRY_RECORD_H

#include "registry.h"

struct mw_registry {
    char folder[4096];
    mw_store *store;
    mw_blobs *blobs;
    _Atomic uint64_t n_letters; /* to webhooks, since it was opened */
};

/* Caps of MLflow's contract, in characters. */
enum {
    RECORD_KEY_MAX = 250,
    RECORD_PARAM_MAX = 6000, /* longer values are cut, as MLflow does by default */
    RECORD_TAG_MAX = 8000,   /* likewise */
    RECORD_EXPERIMENT_NAME_MAX = 500,
    RECORD_EXPERIMENT_TAG_MAX = 20000,
    RECORD_REGISTRY_TAG_MAX = 100000,
    RECORD_ALIAS_MAX = 255,
    RECORD_BATCH_METRICS = 1000,
    RECORD_BATCH_OTHERS = 100,
    RECORD_BATCH_ALL = 1000,
    RECORD_RESULTS_MAX = 50000,
    RECORD_ID_BYTES = MW_RANDOM_NAME_BYTES
};

extern const char *const record_steps[];
extern const size_t record_n_steps;

/* ---- memory ---------------------------------------------------------------------------------- */

/* Where rows are copied to; failure is remembered, and checked once. */
typedef struct record_memory {
    mw_arena *arena;
    bool failed;
} record_memory;

/* A copy, absent when the text is. */
mw_view record_keep(record_memory *memory, mw_view text);
mw_view record_column(record_memory *memory, const mw_rows *rows, int column);
/* Room for one more element behind `count` of them; NULL when memory is gone. */
void *record_push(record_memory *memory, void **items, size_t *count, size_t size);
/* Close, and tell of memory that was gone. */
MW_CHECKED mw_status record_close(mw_rows *rows, const record_memory *memory, mw_error *err);

#define RECORD_PUSH(memory, list) \
    record_push((memory), (void **)&(list)->items, &(list)->count, sizeof *(list)->items)

/* (key, value) rows. */
MW_CHECKED mw_status record_read_tags(mw_rows *rows, record_memory *memory, mw_tags *ret_tags,
                                      mw_error *err);

/* ---- refusals (check.c) ---------------------------------------------------------------------- */

mw_status record_refuse(mw_error *err, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
mw_status record_unknown(mw_error *err, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

size_t record_characters(mw_view text);
/* The first n characters. */
mw_view record_cut(mw_view text, size_t n_characters);
/* A key of a metric, parameter or tag. `path` names the parameter in the refusal. */
MW_CHECKED mw_status record_check_key(mw_view key, const char *path, mw_error *err);
MW_CHECKED mw_status record_check_length(mw_view text, size_t max, const char *path, mw_error *err);
MW_CHECKED mw_status record_check_run_id(mw_view run_id, mw_error *err);
/* Whether it equals itself when it is normalised as a path. */
bool record_is_path_normal(mw_view name);
/* A decimal number; false for anything else. */
bool record_number(mw_view text, int64_t *ret_number);

/* 32 hexadecimal digits, and "wistful-heron-214". */
void record_new_id(char out[RECORD_ID_BYTES]);
void record_new_name(char *out, size_t out_bytes);

/* ---- pages ----------------------------------------------------------------------------------- */

/* MLflow's tokens: base64 of {"offset": n}. An absent or empty token is 0. */
MW_CHECKED mw_status record_read_token(mw_view token, int64_t *ret_offset, mw_error *err);
mw_view record_write_token(record_memory *memory, int64_t offset);
MW_CHECKED mw_status record_check_results(int64_t max_results, int64_t most, mw_error *err);

/* ---- the audit log (audit.c) ----------------------------------------------------------------- */

#define RECORD_NOTHING ((mw_view){NULL, 0})
/* A short text in the arena: the object of an entry, or what was before or after. */
mw_view record_words(mw_record *record, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* ---- folders (registry.c) -------------------------------------------------------------------- */

enum { RECORD_PLACE_BYTES = 4096 + 64 };

/* Where the rows are: "DIR/record.db", or the address of a database (place.c). */
MW_CHECKED mw_status record_find_rows(const char *folder, char place[RECORD_PLACE_BYTES],
                                      mw_error *err);
bool record_is_there(const char *folder);
/* From now on they are in that database. Fails: MW_BAD_ARGUMENT (MW4019) they are elsewhere. */
MW_CHECKED mw_status record_settle(const char *folder, const char *address, bool only_check,
                                   mw_error *err);
/* store.json, which says so. */
MW_CHECKED mw_status record_write_address(const char *folder, const char *address, mw_error *err);
mw_status record_fail_none(const char *folder, mw_error *err);
/* The rows as they are at one moment, whoever writes meanwhile, into a new file (migrate.c). */
MW_CHECKED mw_status record_copy_rows(mw_registry *from, const char *to, mw_error *err);

bool record_is_empty_folder(const char *path);
/* A file, or a folder with all in it; links are not followed. */
void record_remove_tree(const char *path);

/* ---- access (access.c) ----------------------------------------------------------------------- */

MW_CHECKED mw_status record_check_access_name(mw_view name, const char *what, mw_error *err);
/* "editor of experiment 3" */
mw_view record_grant_text(record_memory *memory, const mw_grant *grant);
/* Users, grants or tokens have changed. */
MW_CHECKED mw_status record_new_epoch(mw_record *record, mw_error *err);

/* ---- between files --------------------------------------------------------------------------- */

/* Fails: MW_BAD_ARGUMENT when it is deleted. */
MW_CHECKED mw_status record_active_run(mw_record *record, mw_view run_id, mw_run_info *ret_info,
                                       mw_error *err);
MW_CHECKED mw_status record_put_tag(mw_record *record, int64_t run, const mw_tag *tag,
                                    mw_error *err);
/* Moves an alias whatever the gates say; audited (models.c). */
MW_CHECKED mw_status record_put_alias(mw_record *record, mw_view name, mw_view alias,
                                      int64_t version, mw_error *err);
/* Of traces (traces.c): its columns alone; a tag, which may be its name; where its files are. */
MW_CHECKED mw_status record_find_trace(mw_record *record, mw_view trace_id, mw_trace *ret_trace,
                                       bool *ret_found, mw_error *err);
MW_CHECKED mw_status record_put_trace_tag(mw_record *record, int64_t row, const mw_tag *tag,
                                          mw_error *err);
mw_view record_trace_place(mw_record *record, const mw_experiment *experiment, mw_view trace_id,
                           const char *end);
/* All of runs but their info, which is there (run_contents.c); of one, its tags alone. */
MW_CHECKED mw_status record_load_runs(mw_record *record, mw_run *runs, size_t n_runs,
                                      mw_error *err);
MW_CHECKED mw_status record_load_tags(mw_record *record, mw_run *run, mw_error *err);
/* Columns RECORD_RUN_COLUMNS of `runs r`, from the first on. */
#define RECORD_RUN_COLUMNS                                                                         \
    "r.id, r.run_id, r.name, r.user, r.artifact_uri, r.experiment, r.started, r.ended, r.status, " \
    "r.deleted"
void record_read_run_info(const mw_rows *rows, record_memory *memory, mw_run_info *ret_info);

/* ---- webhooks (webhook_letters.c) ------------------------------------------------------------ */

typedef enum record_happening {
    RECORD_MODEL_CREATED,
    RECORD_MODEL_TAGGED,
    RECORD_MODEL_UNTAGGED,
    RECORD_VERSION_CREATED,
    RECORD_VERSION_TAGGED,
    RECORD_VERSION_UNTAGGED,
    RECORD_ALIAS_SET,
    RECORD_ALIAS_GONE
} record_happening;

/* What has happened to a model or prompt; members that it has none of are absent. */
typedef struct record_news {
    record_happening what;
    mw_view name;
    int64_t version;    /* 0: none */
    mw_view key, value; /* of a tag; key: also the alias */
    mw_view source, run_id, description;
    const mw_tags *tags; /* NULL: none */
} record_news;

/* A letter to each webhook that asked for it, behind the change in its transaction. */
MW_CHECKED mw_status record_tell(mw_record *record, int64_t model, const record_news *news,
                                 mw_error *err);

#endif
