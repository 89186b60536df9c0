/* What the files of this room share: what an engine must be able to do.
 *
 *     store.h -> door.c, store.c, writer.c -> store_engine -> sqlite.c | postgres.c
 *
 * Both speak one SQL, see dialect.h. */
#ifndef STORE_ENGINE_H
#define STORE_ENGINE_H

#include <stdarg.h>

#include "store.h"

enum { STORE_STATEMENTS = 256 }; /* kept prepared, of a connection; a power of two */

/* A connection. Each engine has its own struct that begins with this one. */
struct mw_sql {
    const struct store_engine *engine;
    struct mw_sql *next;       /* in the list of idle readers */
    int64_t n_changed, new_id; /* of the last statement that was run */
};

/* How a transaction is ended. */
typedef enum store_end { STORE_KEEP, STORE_UNDO } store_end;

typedef struct store_engine {
    mw_status (*open)(const char *place, bool is_writer, mw_sql **ret_session, mw_error *err);
    void (*close)(mw_sql *session);
    /* A transaction: the writer's, which is alone, or one to read, which sees one state. */
    mw_status (*begin)(mw_sql *session, mw_error *err);
    mw_status (*end)(mw_sql *session, store_end how, mw_error *err);
    bool (*is_within)(const mw_sql *session); /* false: the engine has ended it by itself */
    mw_status (*mark)(mw_sql *session, mw_error *err);
    mw_status (*unmark)(mw_sql *session, store_end how, mw_error *err);
    /* store.h has their contracts. */
    mw_status (*run)(mw_sql *session, const char *sql, const char *kinds, va_list *arguments,
                     mw_error *err);
    mw_status (*post)(mw_sql *session, const char *sql, const char *kinds, va_list *arguments,
                      mw_error *err); /* NULL: as run */
    /* What was posted has happened, or why not. NULL: it always has. */
    mw_status (*post_rows)(mw_sql *session, const char *sql, const char *kinds, size_t n_rows,
                           mw_sql_fill *fill, void *user, mw_error *err);
    mw_status (*settle)(mw_sql *session, mw_error *err);
    mw_status (*open_rows)(mw_sql *session, mw_rows *rows, const char *sql, const char *kinds,
                           va_list *arguments, mw_error *err);
    mw_status (*open_values)(mw_sql *session, mw_rows *rows, const char *sql,
                             const mw_value *values, size_t n_values, mw_error *err);
    bool (*next)(mw_rows *rows);
    bool (*is_null)(const mw_rows *rows, int column);
    int64_t (*integer)(const mw_rows *rows, int column);
    double (*number)(const mw_rows *rows, int column);
    mw_view (*text)(const mw_rows *rows, int column);
    mw_status (*close_rows)(mw_rows *rows, mw_error *err);
    mw_status (*check)(mw_sql *session, mw_error *err);
    /* The schema's version; and the script of one step with the version that it leads to, in one
     * transaction. guard: nobody else steps until it is let go. */
    mw_status (*read_version)(mw_sql *session, size_t *ret_version, mw_error *err);
    mw_status (*step)(mw_sql *session, const char *script, size_t version, mw_error *err);
    mw_status (*guard)(mw_sql *session, bool on, mw_error *err);
    /* See mw_store_leads; NULL: always. */
    mw_status (*lead)(mw_sql *session, mw_view name, bool *ret_leads, mw_error *err);
    /* What the writer does after a batch, or when it had nothing to do; whether the latter has
     * something to do. NULL: nothing. */
    void (*tidy)(mw_sql *session, bool is_idle);
    bool (*is_untidy)(const mw_sql *session);
} store_engine;

extern const store_engine store_sqlite, store_postgres;

/* Whether an errno says that there is no room: the disk's, a quota's, or a limit of the file's. */
bool store_is_full(int reason);
/* The place of a statement in a table of STORE_STATEMENTS, by the address of its literal. */
static inline size_t store_slot(const char *sql)
{
    return ((uintptr_t)sql >> 3) * 0x9e3779b97f4a7c15u >> 32;
}

/* SQLite's own (sqlite.c): see mw_store_copy. */
MW_CHECKED mw_status store_sqlite_copy(const char *path, const char *to_path, mw_error *err);

/* What this process's connections to a PostgreSQL have been through (link.c). */
void store_postgres_count(const char *address, bool *ret_is_away, uint64_t *ret_n_lost);

/* Where blobs are (blobs.c). */
const char *store_blobs_folder(const mw_blobs *blobs);
/* Of what was written so far. */
void store_blob_digest(const mw_blob *blob, char ret_digest[MW_DIGEST_TEXT_BYTES]);
struct store_bucket *store_blobs_bucket(const mw_blobs *blobs); /* NULL: the folder alone */

/* The thread that writes (writer.c). */
typedef struct store_writer store_writer;
MW_CHECKED mw_status store_writer_start(mw_sql *session, store_writer **ret_writer, mw_error *err);
/* Commits what was accepted, then ends the thread. NULL is fine. */
void store_writer_stop(store_writer *writer);
mw_status store_writer_do(store_writer *writer, mw_store_work *work, void *user, mw_error *err);
void store_writer_count(store_writer *writer, mw_store_counts *ret_counts);

#endif
