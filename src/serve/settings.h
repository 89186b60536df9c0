/* Settings that a client may read and change while the server runs, as the Triton Inference Server
 * names them: of the log, of traces; room-private. Both protocols come here (settings_http.c,
 * grpc_settings.c). */
#ifndef SERVE_SETTINGS_H
#define SERVE_SETTINGS_H

#include "call.h"

typedef struct serve_setting {
    mw_view name;
    enum {
        SETTING_CLEAR,
        SETTING_BOOL,
        SETTING_NUMBER,
        SETTING_TEXT
    } kind; /* clear: as at start */
    bool flag;
    uint64_t number;
    mw_view text;
} serve_setting;

/* More than these are in no request that is right. */
enum { SERVE_SETTINGS_MAX = 16 };

typedef struct serve_settings {
    serve_setting list[SERVE_SETTINGS_MAX];
    size_t n;
} serve_settings;

/* One more, of this name (borrowed) and without a value. Fails: MW_BAD_DATA (too many). */
MW_CHECKED mw_status serve_settings_add(serve_settings *settings, mw_view name,
                                        serve_setting **ret_added, mw_error *err);

/* Sees one setting as it is. */
typedef void serve_see_setting(void *user, const serve_setting *setting);

/* All or nothing. Fails: MW_BAD_DATA (unknown, of the wrong kind, or not to be changed). */
MW_CHECKED mw_status serve_log_change(const serve_settings *wanted, mw_error *err);
void serve_log_each(serve_see_setting *see, void *user);
/* The same for traces, which are the whole server's. Fails also: MW_UNSUPPORTED, when the server
 * makes none. */
MW_CHECKED mw_status serve_trace_change(mw_fleet *fleet, const serve_settings *wanted,
                                        mw_error *err);
MW_CHECKED mw_status serve_trace_each(mw_fleet *fleet, serve_see_setting *see, void *user,
                                      mw_error *err);
/* A model's name in such a request (empty = none) must be that of one. Fails: MW_NOT_FOUND. */
MW_CHECKED mw_status serve_trace_check_model(mw_fleet *fleet, const mw_exchange *exchange,
                                             mw_view name, mw_error *err);
/* The HTTP status of such an error; 0 = by its own. */
int serve_setting_status(const mw_error *err, bool is_grpc);

#endif
