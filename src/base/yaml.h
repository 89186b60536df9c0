/* YAML documents in, with line and column of every node; libyaml stays behind this door.
 *
 * Core rules: only true/false are booleans (no "Norway"), duplicate keys are errors, tags and merge
 * keys are refused, nesting, aliases and nodes are limited (base/limits.h). */
#ifndef BASE_YAML_H
#define BASE_YAML_H

#include "error.h"

typedef enum mw_yaml_kind { MW_YAML_SCALAR, MW_YAML_LIST, MW_YAML_MAP } mw_yaml_kind;

/* A node; the tree is read-only and owned by its root. */
typedef struct mw_yaml mw_yaml;
struct mw_yaml {
    mw_yaml_kind kind;
    unsigned line, column; /* from 1 */
    mw_view text;          /* scalar: its text */
    bool quoted;           /* scalar: was quoted, so it is text whatever it looks like */
    mw_view key;           /* in a map: this node's key */
    unsigned key_line, key_column;
    const mw_yaml *first; /* list, map: first child */
    const mw_yaml *next;  /* sibling */
    size_t count;         /* children */
};

typedef struct mw_yaml_document mw_yaml_document;

/* Parse one document. err->where gets "name:line:column" on failure.
 * An empty document gives an empty map. */
MW_CHECKED mw_status mw_yaml_read(mw_view text, const char *name, mw_yaml_document **ret_document,
                                  mw_error *err);
void mw_yaml_free(mw_yaml_document *document);
const mw_yaml *mw_yaml_root(const mw_yaml_document *document);

/* The child of a map with this key, or NULL. */
const mw_yaml *mw_yaml_member(const mw_yaml *map, const char *key);
/* A scalar's text as a bool (true/false unquoted), else false is returned. */
bool mw_yaml_bool(const mw_yaml *node, bool *ret_value);
/* True for an absent node, an empty unquoted scalar, "~" or "null". */
bool mw_yaml_is_null(const mw_yaml *node);

#endif
