/* What is used of libpq, in our own words: loaded at run time, as a record in PostgreSQL is opened,
 * so that the program needs it only there. All are there from PostgreSQL 10 on.
 * Source: https://www.postgresql.org/docs/current/libpq.html */
#ifndef STORE_LIBPQ_H
#define STORE_LIBPQ_H

#include "base/base.h"

typedef struct pg_conn pg_conn;
typedef struct pg_result pg_result;
typedef struct pg_option {
    char *keyword, *envvar, *compiled, *value, *label, *dispchar;
    int dispsize;
} pg_option;
typedef void pg_notice(void *user, const pg_result *result);

enum {
    PG_OK = 0,         /* of a connection, and of a ping: it answers */
    PG_NO_ATTEMPT = 3, /* of a ping: the address is no address */
    PG_COMMAND_OK = 1,
    PG_TUPLES_OK = 2, /* of a result */
    PG_PIPELINE_SYNC = 10,
    PG_PIPELINE_ABORTED = 11,
    PG_IDLE = 0,
    PG_IN_TRANSACTION = 2,
    PG_IN_ERROR = 3 /* of a transaction */
};

/* name, what it returns, what it takes */
#define LIBPQ_FUNCTIONS(F)                                                                \
    F(PQconnectdbParams, pg_conn *, (const char *const *, const char *const *, int))      \
    F(PQconninfoParse, pg_option *, (const char *, char **))                              \
    F(PQconninfoFree, void, (pg_option *))                                                \
    F(PQfreemem, void, (void *))                                                          \
    F(PQpingParams, int, (const char *const *, const char *const *, int))                 \
    F(PQfinish, void, (pg_conn *))                                                        \
    F(PQstatus, int, (const pg_conn *))                                                   \
    F(PQtransactionStatus, int, (const pg_conn *))                                        \
    F(PQparameterStatus, const char *, (const pg_conn *, const char *))                   \
    F(PQserverVersion, int, (const pg_conn *))                                            \
    F(PQerrorMessage, char *, (const pg_conn *))                                          \
    F(PQsocket, int, (const pg_conn *))                                                   \
    F(PQsetNoticeReceiver, pg_notice *, (pg_conn *, pg_notice *, void *))                 \
    F(PQsendQuery, int, (pg_conn *, const char *))                                        \
    F(PQsendPrepare, int, (pg_conn *, const char *, const char *, int, const unsigned *)) \
    F(PQsendQueryParams, int,                                                             \
      (pg_conn *, const char *, int, const unsigned *, const char *const *, const int *,  \
       const int *, int))                                                                 \
    F(PQsendQueryPrepared, int,                                                           \
      (pg_conn *, const char *, int, const char *const *, const int *, const int *, int)) \
    F(PQconsumeInput, int, (pg_conn *))                                                   \
    F(PQisBusy, int, (pg_conn *))                                                         \
    F(PQgetResult, pg_result *, (pg_conn *))                                              \
    F(PQresultStatus, int, (const pg_result *))                                           \
    F(PQresultErrorField, char *, (const pg_result *, int))                               \
    F(PQcmdStatus, char *, (pg_result *))                                                 \
    F(PQcmdTuples, char *, (pg_result *))                                                 \
    F(PQntuples, int, (const pg_result *))                                                \
    F(PQftype, unsigned, (const pg_result *, int))                                        \
    F(PQgetvalue, char *, (const pg_result *, int, int))                                  \
    F(PQgetlength, int, (const pg_result *, int, int))                                    \
    F(PQgetisnull, int, (const pg_result *, int, int))                                    \
    F(PQclear, void, (pg_result *))

/* From 14 on; without them every statement is waited for. */
#define LIBPQ_NEWER_FUNCTIONS(F)             \
    F(PQenterPipelineMode, int, (pg_conn *)) \
    F(PQexitPipelineMode, int, (pg_conn *))  \
    F(PQpipelineSync, int, (pg_conn *))

typedef struct libpq {
#define DECLARE(name, result, arguments) result(*name) arguments;
    LIBPQ_FUNCTIONS(DECLARE)
    LIBPQ_NEWER_FUNCTIONS(DECLARE)
#undef DECLARE
} libpq;

extern libpq store_pq; /* whole after the first success of: */
/* Any thread. Fails: MW_UNSUPPORTED (MW4014). */
MW_CHECKED mw_status store_pq_load(mw_error *err);

#endif
