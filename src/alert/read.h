/* From YAML nodes to rules and receivers, by tables of keys. */
#ifndef ALERT_READ_H
#define ALERT_READ_H

#include "rule.h"

typedef enum read_kind {
    READ_TEXT,   /* mw_view */
    READ_TIME,   /* int64_t, ms */
    READ_BOOL,   /* bool */
    READ_CHOICE, /* uint64_t, of `choices` */
    READ_WORDS,  /* alert_words: a list, or one */
    READ_OTHER   /* who reads the rest looks at it */
} read_kind;

typedef struct read_key {
    const char *name;
    read_kind kind;
    size_t offset;
    const char *const *choices;
} read_key;

typedef struct alert_reader {
    const char *file;
    mw_alert_place *place;
    mw_code code; /* of faults in values */
} alert_reader;

/* Prepend the place of the node, of its key; returns err's status. */
mw_status read_at_node(alert_reader *in, const mw_yaml *node, mw_error *err);
mw_status read_at_key(alert_reader *in, const mw_yaml *node, mw_error *err);
/* `at` bytes into a scalar. */
mw_status read_at_byte(alert_reader *in, const mw_yaml *node, size_t at, mw_error *err);
MW_CHECKED mw_status read_expect(alert_reader *in, const mw_yaml *node, mw_yaml_kind kind,
                                 const char *subject, const char *shape, mw_error *err);
/* All keys of a map into `target`; an unknown one is a fault. where: for people, "alerts.rules". */
MW_CHECKED mw_status read_keys(alert_reader *in, const mw_yaml *map, const char *where,
                               const read_key *keys, size_t n_keys, mw_arena *arena, void *target,
                               mw_error *err);
MW_CHECKED mw_status read_labels(alert_reader *in, const mw_yaml *map, mw_arena *arena,
                                 alert_label *labels, size_t *ret_count, mw_error *err);
/* "name":{"type":...},... as JSON Schema has it; READ_OTHER is left out. */
void read_schema(const read_key *keys, size_t n_keys, mw_buf *out);
void alert_receiver_schema(mw_buf *out);
/* A list of receivers' maps is one by one given to this (receiver_read.c). */
MW_CHECKED mw_status alert_receiver_read(alert_reader *in, const mw_yaml *map,
                                         alert_receiver **ret_receiver, mw_error *err);
/* The list `reports`, into the config's arena (timetable.c). */
MW_CHECKED mw_status alert_sheets_read(alert_reader *in, const mw_yaml *list, mw_arena *arena,
                                       alert_sheet **ret_sheets, mw_error *err);
void alert_sheet_schema(mw_buf *out);
/* The last moment up to now_ms at which it is due, and the first behind it; ms since 1970. */
int64_t alert_sheet_last(const alert_sheet *sheet, int64_t now_ms);
int64_t alert_sheet_next(const alert_sheet *sheet, int64_t now_ms);

#endif
