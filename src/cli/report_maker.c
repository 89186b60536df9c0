/* Reports that a server makes for its pages: the command that people would give, run in the server,
 * which asks itself. */
#include <unistd.h>

#include "call.h"
#include "api/api.h"
#include "house.h"

enum { WORDS_MAX = 16, BLOCK_BYTES = 64 << 10, CAP_BYTES = 64 << 20, EXCERPT_BYTES = 4096 };

static const char *const kinds[] = {"weekly", "drift", "incident", "card"};

/* The words of the command line; returns how many. */
static int write_words(const cli_house *house, const mw_report_wish *wish, mw_arena *arena,
                       const char *words[WORDS_MAX])
{
    int n = 0;
    bool is_card = mw_view_is(wish->kind, "card");
    words[n++] = "mw";
    words[n++] = "report";
    words[n++] = mw_arena_text(arena, wish->kind);
    words[n++] = mw_arena_text(arena, wish->of);
    words[n++] = is_card ? "--record" : "--server";
    words[n++] = is_card ? house->call->settings[CLI_RECORD].text : house->url;
    if (!is_card && strncmp(house->url, "https:", 6) == 0)
        words[n++] = "--insecure"; /* its own certificate, on its own machine */
    const char *headers[] = {wish->authorization, wish->cookie};
    for (size_t i = 0; i < MW_COUNT(headers) && !is_card; i++)
        if (headers[i]) {
            words[n++] = "--header";
            words[n++] = headers[i];
        }
    words[n++] = "-o";
    words[n++] = wish->path;
    return n;
}

static mw_status check(const cli_house *house, const mw_report_wish *wish, mw_error *err)
{
    bool is_known = false;
    for (size_t i = 0; i < MW_COUNT(kinds); i++)
        is_known |= mw_view_is(wish->kind, kinds[i]);
    if (!is_known || wish->of.data[0] == '-') {
        mw_fail(err, MW_E_REPORT_PAGE, "no report of the kind '%.*s' can be made here",
                (int)(wish->kind.size < 40 ? wish->kind.size : 40), wish->kind.data);
        return mw_mend(err, "weekly, drift (of an endpoint), incident (of an alert's number), card "
                            "(of NAME/3)");
    }
    if (!mw_view_is(wish->kind, "card") || house->call->settings[CLI_RECORD].text)
        return MW_OK;
    mw_fail(err, MW_E_REPORT_PAGE, "a card is made of a record, and this server has none");
    return mw_mend(err, "start it with --record DIR");
}

static mw_status run(cli_call *call, int n, const char *const *words, mw_error *err)
{
    MW_TRY(cli_parse(call, n, (char *const *)(uintptr_t)words, err));
    MW_TRY(cli_settings_resolve(call, environ, err));
    MW_TRY(cli_check_arguments(call, err));
    return call->command->run(call, err);
}

mw_status cli_make_report(void *user, const mw_report_wish *wish, mw_error *err)
{
    const char *words[WORDS_MAX + 1] = {NULL};
    const cli_house *house = user;
    cli_call call = {.program = "mw", .verdict = wish->ret_verdict};
    MW_TRY(check(house, wish, err));
    mw_arena_init(&call.arena, BLOCK_BYTES, CAP_BYTES);
    mw_buf_init(&call.excerpt, EXCERPT_BYTES);
    int n = write_words(house, wish, &call.arena, words);
    mw_status status = run(&call, n, words, err);
    mw_buf_done(&call.excerpt);
    mw_alert_config_free(call.alerts);
    mw_arena_done(&call.arena);
    return status;
}
