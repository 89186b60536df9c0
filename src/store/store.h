/* store: durable rows and blobs. The only room that knows SQLite and PostgreSQL.
 *
 *     many threads --write--> queue -> writer thread: BEGIN, each work in its savepoint, COMMIT
 *     many threads --read---> a reader connection, one read transaction
 *
 * A write is acknowledged (mw_store_write returns MW_OK) only when its transaction is on the disk.
 * Works that wait together share one commit; each gets its own result, and one that fails takes
 * nothing of the others with it. A work sees no other one's half: writers take turns, also those of
 * several servers that share a database.
 *
 * Where a path of a database file is asked for, "postgresql://user@host/database" is taken, too
 * (postgres.c): then any number of processes share it. PostgreSQL away: what has not begun waits
 * five seconds for it; then, or when a work was in its midst, MW_BUSY (MW4015): nothing was kept,
 * no work is ever run twice. A commit whose answer was lost is asked for afterwards; MW_IO (MW4017)
 * when even that is not possible. Others: MW_UNSUPPORTED (MW4014), MW_IO (MW4016), MW_BAD_ARGUMENT
 * (MW4018, MW4019), MW_BUSY (MW4022).
 */
#ifndef STORE_STORE_H
#define STORE_STORE_H

#include "base/base.h"

/* ---- the store ------------------------------------------------------------------------------- */

typedef struct mw_store mw_store;
/* A connection inside a transaction, lent to a work. */
typedef struct mw_sql mw_sql;

/* What is done inside one transaction. It must not keep the session. MW_OK keeps what was written;
 * anything else undoes it. */
typedef mw_status mw_store_work(mw_sql *session, void *user, mw_error *err);

/* Whether it is the address of a database, not the path of a file. */
bool mw_store_is_address(const char *path);
/* As it may be told: without its password. */
void mw_store_show_address(const char *address, char *out, size_t size);

/* Open or make the database at `path`, and bring its schema forward: steps[i] is the script (one or
 * more statements) from version i to i+1. A step that was ever released is never changed.
 * Fails: MW_CONFLICT (MW4002) another process has it open; MW_UNSUPPORTED (MW4003) its schema is
 * newer than n_steps; MW_BAD_DATA (MW4004) not a database, or damaged; MW_IO (MW4001). */
MW_CHECKED mw_status mw_store_open(const char *path, const char *const *steps, size_t n_steps,
                                   mw_store **ret_store, mw_error *err);
/* To read only, beside a process that has it open: takes no lock, brings nothing forward, and
 * mw_store_write must not be called. Fails: as above; MW_UNSUPPORTED (MW4009) its schema is older
 * than n_steps. */
MW_CHECKED mw_status mw_store_open_to_read(const char *path, size_t n_steps, mw_store **ret_store,
                                           mw_error *err);
/* The same beside a server that may have it open: for commands that do a little and go. Where one
 * has, the schema is left as it is and must be n_steps (MW_UNSUPPORTED, MW4003); writes wait for
 * the server's, 5 s at most, then fail (MW_BUSY, MW4007). */
MW_CHECKED mw_status mw_store_open_beside(const char *path, const char *const *steps,
                                          size_t n_steps, mw_store **ret_store, mw_error *err);
/* A copy of the database at `path` as it is now, in one file, on the disk; also beside a process
 * that writes it, which does not wait for it. Fails: MW_CONFLICT to_path is there; as above. */
MW_CHECKED mw_status mw_store_copy(const char *path, const char *to_path, mw_error *err);
/* Waits for the writes that were accepted. NULL is fine. */
void mw_store_close(mw_store *store);
/* Those who share a database keep its blobs in one place: `mine` is noted there, where none is yet,
 * or `was`. Nothing to do for a file. Fails: MW_CONFLICT (MW4021) another one stands there. */
MW_CHECKED mw_status mw_store_claim(mw_store *store, const char *mine, const char *was,
                                    mw_error *err);

/* Run `work` on the writer thread and return when it is committed. Blocks: not for loops. Any
 * thread. Fails as the work does; MW_IO (MW4005) when the disk is full, (MW4006) otherwise. */
MW_CHECKED mw_status mw_store_write(mw_store *store, mw_store_work *work, void *user,
                                    mw_error *err);
/* Run `work` in this thread, in a read transaction of its own. Any thread. */
MW_CHECKED mw_status mw_store_read(mw_store *store, mw_store_work *work, void *user, mw_error *err);

/* Of those who share a database one leads in what has this name: whoever asks first, until its
 * connection ends. Who has a file leads in it. Blocks, as a write does. Any thread. */
bool mw_store_leads(mw_store *store, mw_view name);
bool mw_store_is_shared(const mw_store *store); /* it is in PostgreSQL */

/* Since the store was opened. */
typedef struct mw_store_counts {
    uint64_t writes, commits; /* works committed, transactions that carried them */
    uint64_t commit_ns;       /* spent in commits */
    bool is_away;             /* PostgreSQL cannot be reached now */
    uint64_t n_lost;          /* connections to it that were lost */
} mw_store_counts;
void mw_store_count(mw_store *store, mw_store_counts *ret_counts);

/* ---- statements ------------------------------------------------------------------------------ */

/* Values for the question marks of a statement. */
typedef enum mw_value_kind { MW_VALUE_NULL, MW_VALUE_INT, MW_VALUE_DOUBLE, MW_VALUE_TEXT } mw_kind;

typedef struct mw_value {
    mw_kind kind;
    int64_t integer;
    double number;
    mw_view text; /* data == NULL: null */
} mw_value;

/* Run a statement that gives no rows. `kinds` has a letter for each argument: t an mw_view (NULL
 * data: null), i an int64_t, d a double, n nothing (null). Statements are kept prepared by their
 * text, so `sql` must be a literal. It is of the SQL that both engines take (README.md). */
MW_CHECKED mw_status mw_sql_run(mw_sql *session, mw_error *err, const char *sql, const char *kinds,
                                ...);
/* The same for one of many of which nothing more is asked than that they happen. That one failed
 * may be told by a later statement, or at the end of the work, which is then undone; what it
 * changed is not told. Saves PostgreSQL the way there and back. */
MW_CHECKED mw_status mw_sql_post(mw_sql *session, mw_error *err, const char *sql, const char *kinds,
                                 ...);
/* The same for many rows of one "INSERT ... VALUES(?, ...) ..." at a time: `fill` says the values
 * of each, of the kinds that the letters tell, at most 16. No two of them change the same row of
 * the table: they may go in one statement. Texts live until this returns. */
typedef void mw_sql_fill(void *user, size_t row, mw_value *ret_values);
MW_CHECKED mw_status mw_sql_post_rows(mw_sql *session, mw_error *err, const char *sql,
                                      const char *kinds, size_t n_rows, mw_sql_fill *fill,
                                      void *user);
/* Rows that the last mw_sql_run changed; the number that it gave back: "INSERT ... RETURNING id",
 * 0 where nothing was inserted. */
int64_t mw_sql_changes(const mw_sql *session);
int64_t mw_sql_new_id(const mw_sql *session);

/* Rows of a SELECT:
 *
 *     MW_TRY(mw_rows_open(session, &rows, err, "SELECT key FROM tags WHERE run = ?", "i", run));
 *     while (mw_rows_next(&rows))
 *         see(mw_rows_text(&rows, 0));
 *     return mw_rows_close(&rows, err);
 *
 * Every opened one must be closed, at once: a literal has one statement. */
typedef struct mw_rows {
    mw_sql *session;
    void *statement;
    int outcome;
    bool is_kept; /* the statement stays prepared */
} mw_rows;

MW_CHECKED mw_status mw_rows_open(mw_sql *session, mw_rows *rows, mw_error *err, const char *sql,
                                  const char *kinds, ...);
/* The same for a statement that was put together: prepared anew, dropped at the close. */
MW_CHECKED mw_status mw_rows_open_values(mw_sql *session, mw_rows *rows, const char *sql,
                                         const mw_value *values, size_t n_values, mw_error *err);
/* One of these from its first row to its close; *ret_rows (may be NULL): so many came. */
MW_CHECKED mw_status mw_sql_run_built(mw_sql *session, const mw_buf *sql, const mw_value *values,
                                      size_t n_values, size_t *ret_rows, mw_error *err);
bool mw_rows_next(mw_rows *rows);
bool mw_rows_is_null(const mw_rows *rows, int column);
int64_t mw_rows_int(const mw_rows *rows, int column);
double mw_rows_double(const mw_rows *rows, int column);
/* Valid until the next row; data is NULL for null. */
mw_view mw_rows_text(const mw_rows *rows, int column);
MW_CHECKED mw_status mw_rows_close(mw_rows *rows, mw_error *err);

/* The engine's own look at every page and index. Fails: MW_BAD_DATA (MW4004). */
MW_CHECKED mw_status mw_sql_check(mw_sql *session, mw_error *err);

/* ---- all rows (copy.c) ----------------------------------------------------------------------- */

typedef struct mw_copy_plan {
    const char *const *seeded; /* tables in which a new database has a row */
    size_t n_seeded;
    const char *last; /* copied behind all others, whose triggers write it; or NULL */
    bool is_beside;   /* others may write `from` meanwhile: its session sees one state */
} mw_copy_plan;

typedef struct mw_copy_report {
    uint64_t n_tables, n_rows;
} mw_copy_report;

/* Every row into a store of the same schema that is new; then all are read there and compared. In
 * the transactions that both sessions are in. Fails: MW_CONFLICT (MW4223) there are rows in it,
 * (MW4002) others have the first one open; MW_BAD_DATA (MW4004) they differ. */
MW_CHECKED mw_status mw_sql_copy_all(mw_sql *from, mw_sql *to, const mw_copy_plan *plan,
                                     mw_copy_report *ret_report, mw_error *err);

/* ---- tables of one work (scratch.c) ---------------------------------------------------------- */

typedef struct mw_scratch {
    const char *name, *columns; /* "run_uuid key value" */
    const char *kinds;          /* a letter for each, as mw_sql_run's: t, i, d; all may be null */
} mw_scratch;

/* A table that is empty, seen by this session alone, and of no use behind its transaction. */
MW_CHECKED mw_status mw_sql_make_scratch(mw_sql *session, const mw_scratch *table, mw_error *err);
/* One with every row of the table `name` in another session. Texts with NUL: as mw_sql_run. */
MW_CHECKED mw_status mw_sql_fill_scratch(mw_sql *from, const char *name, mw_sql *to,
                                         const mw_scratch *table, mw_error *err);
/* This transaction may take as long as it likes; others' writes wait, and fail (MW_BUSY). */
MW_CHECKED mw_status mw_sql_take_long(mw_sql *session, mw_error *err);
/* Rows were put in with numbers of their own: further ones get numbers behind them. */
MW_CHECKED mw_status mw_sql_renumber(mw_sql *session, const char *table, const char *column,
                                     mw_error *err);

/* ---- blobs: bytes under the name of their SHA-256
 * ------------------------------------------------
 */

enum { MW_DIGEST_TEXT_BYTES = 65 }; /* 64 hexadecimal digits and NUL */
enum { MW_MD5_TEXT_BYTES = 33 };    /* for DVC, which names by it */

/* The SHA-256 of bytes in memory, as a blob of them would be named. */
void mw_digest_of(mw_view bytes, char ret_digest[MW_DIGEST_TEXT_BYTES]);

typedef struct mw_blobs mw_blobs;

/* The folder is made when it is missing; leftovers of writes that were cut off are removed. */
MW_CHECKED mw_status mw_blobs_open(const char *folder, mw_blobs **ret_blobs, mw_error *err);
/* The same beside a process that may write blobs, too: nothing is removed. */
MW_CHECKED mw_status mw_blobs_open_beside(const char *folder, mw_blobs **ret_blobs, mw_error *err);
/* The same to read only: nothing is made or removed. */
MW_CHECKED mw_status mw_blobs_look(const char *folder, mw_blobs **ret_blobs, mw_error *err);
void mw_blobs_close(mw_blobs *blobs);
/* "s3://bucket/prefix"; NULL: they are in the folder alone. */
const char *mw_blobs_uri(const mw_blobs *blobs);
/* Of what is in the bucket the folder keeps copies of at most so many bytes: those read longest ago
 * go. Before others use it. Fails: MW_BAD_ARGUMENT (MW4011) there is no bucket. */
MW_CHECKED mw_status mw_blobs_limit_copies(mw_blobs *blobs, uint64_t bytes, mw_error *err);
/* From now on the folder's blobs are kept in a bucket, too: "s3://bucket/prefix", with endpoint and
 * region from AWS_ENDPOINT_URL and AWS_REGION. Those that are there are brought over first; then
 * FOLDER/bucket.json says it, and whoever opens the folder follows it. Nothing when it says the
 * same already. Fails: MW_BAD_ARGUMENT (MW4011) no place, another one, or no keys; MW_BUSY
 * (MW4012), MW_IO (MW4013) the bucket. */
MW_CHECKED mw_status mw_blobs_place(const char *folder, const char *uri, mw_error *err);

/* A blob that is being written. It has no name before mw_blob_keep, and is then whole on the disk:
 * written to a temporary name, fsync, rename, fsync of the folder. */
typedef struct mw_blob mw_blob;
MW_CHECKED mw_status mw_blob_begin(mw_blobs *blobs, mw_blob **ret_blob, mw_error *err);
MW_CHECKED mw_status mw_blob_write(mw_blob *blob, mw_view bytes, mw_error *err);
/* Frees the blob in any case. Fails: MW_IO (MW4005) when the disk is full. */
MW_CHECKED mw_status mw_blob_keep(mw_blob *blob, char ret_digest[MW_DIGEST_TEXT_BYTES],
                                  mw_error *err);
/* The MD5 of what was written, which a blob keeps count of from mw_blob_begin_md5 on. */
MW_CHECKED mw_status mw_blob_begin_md5(mw_blobs *blobs, mw_blob **ret_blob, mw_error *err);
void mw_blob_md5(const mw_blob *blob, char ret_md5[MW_MD5_TEXT_BYTES]);
/* Forget it; NULL is fine. */
void mw_blob_drop(mw_blob *blob);
/* All of it at once. */
MW_CHECKED mw_status mw_blobs_put(mw_blobs *blobs, mw_view bytes,
                                  char ret_digest[MW_DIGEST_TEXT_BYTES], mw_error *err);

/* The path of a kept blob, in the arena. Fails: MW_BAD_DATA when that is no digest. */
MW_CHECKED mw_status mw_blobs_path(const mw_blobs *blobs, mw_view digest, mw_arena *arena,
                                   const char **ret_path, mw_error *err);
/* Fails: MW_BAD_DATA (MW4004) it is not there. */
MW_CHECKED mw_status mw_blobs_size(const mw_blobs *blobs, mw_view digest, uint64_t *ret_bytes,
                                   mw_error *err);
/* All bytes, piece by piece; then its SHA-256 is compared with its name.
 * Fails: MW_BAD_DATA (MW4004) it is gone or other bytes than were written; as `take`. */
typedef mw_status mw_blob_take(void *user, mw_view bytes, mw_error *err);
MW_CHECKED mw_status mw_blobs_send(const mw_blobs *blobs, mw_view digest, mw_blob_take *take,
                                   void *user, mw_error *err);
/* `size` bytes from `begin`, into out. Fails: MW_BAD_DATA (MW4004) when it is gone or cut short. */
MW_CHECKED mw_status mw_blobs_read(const mw_blobs *blobs, mw_view digest, uint64_t begin,
                                   size_t size, mw_buf *out, mw_error *err);

/* ---- uploads into the bucket itself (bucket_uploads.c) --------------------------------------- */

enum { MW_UPLOAD_TEXT_BYTES = 560 };

typedef struct mw_upload_part {
    int64_t number; /* from 1 on */
    mw_view tag;    /* the ETag that the bucket gave for it */
} mw_upload_part;

typedef struct mw_uploaded {
    char digest[MW_DIGEST_TEXT_BYTES];
    uint64_t bytes;
} mw_uploaded;

/* Clients that reach the bucket are told so, and send large files there by themselves. Before
 * others use it. Fails: MW_BAD_ARGUMENT (MW4011) there is no bucket. */
MW_CHECKED mw_status mw_blobs_offer_direct(mw_blobs *blobs, mw_error *err);
bool mw_blobs_is_direct(const mw_blobs *blobs);

/* A file that a client puts into the bucket in parts. Its name is all that is kept of it: whoever
 * has it may go on with it, at any server of the record. Fail, all of these: MW_UNSUPPORTED
 * (MW4023) the artifacts are in a folder alone; MW_NOT_FOUND (MW4024) no such upload; MW_BUSY
 * (MW4012), MW_IO (MW4013) the bucket. */
MW_CHECKED mw_status mw_upload_begin(mw_blobs *blobs, char ret_name[MW_UPLOAD_TEXT_BYTES],
                                     mw_error *err);
/* Appends the address to which part `number` may be PUT, for MW_LIMIT_PART_SECONDS. */
MW_CHECKED mw_status mw_upload_sign(mw_blobs *blobs, mw_view name, unsigned number, mw_buf *out,
                                    mw_error *err);
/* The parts become a blob: joined, then read once for their SHA-256. May be repeated until the
 * upload is dropped. Fails: MW_BAD_ARGUMENT (MW4025) the parts make no file; MW_NO_MEMORY (MW7110)
 * it is larger than bytes_max; as mw_blob_keep. */
MW_CHECKED mw_status mw_upload_end(mw_blobs *blobs, mw_view name, const mw_upload_part *parts,
                                   size_t n_parts, uint64_t bytes_max, mw_uploaded *ret_uploaded,
                                   mw_error *err);
/* What is left of it in the bucket goes, ended or not. One that is gone is fine. */
MW_CHECKED mw_status mw_upload_drop(mw_blobs *blobs, mw_view name, mw_error *err);
/* Uploads that were begun before that moment are dropped (is_dry: counted). */
MW_CHECKED mw_status mw_uploads_sweep(mw_blobs *blobs, int64_t before_ms, bool is_dry,
                                      size_t *ret_n, mw_error *err);
/* Appends the address at which a blob may be read, for MW_LIMIT_READ_SECONDS; disposition: what
 * the answer's Content-Disposition will say. Fails: MW_BAD_DATA (MW4004) it is not there. */
MW_CHECKED mw_status mw_blobs_sign_read(mw_blobs *blobs, mw_view digest, const char *disposition,
                                        mw_buf *out, mw_error *err);

/* ---- a bucket of others, to read from (bucket_objects.c) ------------------------------------- */

typedef struct store_bucket mw_bucket;

typedef struct mw_bucket_place {
    const char *uri;               /* "s3://bucket/prefix" */
    const char *endpoint, *region; /* NULL: as the environment says */
} mw_bucket_place;

/* Keys as for artifacts. Fails: MW_BAD_ARGUMENT (MW4011). */
MW_CHECKED mw_status mw_bucket_open(const mw_bucket_place *place, mw_bucket **ret_bucket,
                                    mw_error *err);
void mw_bucket_close(mw_bucket *bucket); /* NULL is fine */
/* All bytes of PREFIX/key, piece by piece; letters, digits, '/', '.', '-' and '_' in the key.
 * Fails: MW_NOT_FOUND (MW4026); MW_BUSY (MW4012), MW_IO (MW4013) the bucket; as take. */
MW_CHECKED mw_status mw_bucket_send(mw_bucket *bucket, const char *key, mw_blob_take *take,
                                    void *user, mw_error *err);

/* ---- blobs and files (blob_files.c) ---------------------------------------------------------- */

void mw_md5_of(mw_view bytes, char ret_md5[MW_MD5_TEXT_BYTES]);

typedef struct mw_file_digests {
    char digest[MW_DIGEST_TEXT_BYTES], md5[MW_MD5_TEXT_BYTES];
    int64_t bytes;
} mw_file_digests;

/* Fails: MW_NOT_FOUND, MW_IO. */
MW_CHECKED mw_status mw_file_hash(const char *path, mw_file_digests *ret_digests, mw_error *err);
/* A file becomes a blob; one that is there already costs reading only. Fails: as above; MW_CONFLICT
 * (MW4010) when it changed meanwhile. */
MW_CHECKED mw_status mw_blobs_put_file(mw_blobs *blobs, const char *path,
                                       mw_file_digests *ret_digests, mw_error *err);
/* A blob becomes a file, in place of what is there: whole, or not at all. */
MW_CHECKED mw_status mw_blobs_get_file(const mw_blobs *blobs, mw_view digest, const char *path,
                                       mw_error *err);
bool mw_blobs_has(const mw_blobs *blobs, mw_view digest);
/* One that is gone is fine. */
MW_CHECKED mw_status mw_blobs_remove(mw_blobs *blobs, mw_view digest, mw_error *err);
/* Every blob, those in the bucket, too; kept_ms: when it was kept last. */
typedef mw_status mw_blob_seen(void *user, mw_view digest, int64_t bytes, int64_t kept_ms,
                               mw_error *err);
MW_CHECKED mw_status mw_blobs_each(const mw_blobs *blobs, mw_blob_seen *see, void *user,
                                   mw_error *err);

#endif
