/* Cookies of browsers: the first byte is the method, the second says X-MW-CSRF, the rest is the
 * Cookie header. What is not sealed by this process opens nothing; what is, opens to what was
 * sealed, whatever stands around it. */
#include <stdint.h>
#include <stdlib.h>

#include "api/session.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static mw_view open_cookie(api_sessions *sessions, mw_view cookie, bool changes, bool says,
                           mw_arena *arena)
{
    const mw_header headers[] = {{MW_VIEW("cookie"), cookie},
                                 {MW_VIEW("X-MW-CSRF"), MW_VIEW("1")},
                                 {MW_VIEW("Sec-Fetch-Site"), cookie}};
    const mw_exchange exchange = {.method = changes ? MW_POST : MW_GET,
                                  .headers = headers,
                                  .n_headers = says ? 3 : 1,
                                  .arena = arena};
    (void)!api_is_cross_site(&exchange);
    return api_session_open(sessions, &exchange);
}

/* The sealed cookie, with the input before it: "INPUT; mw_session=SEALED". */
static void check_sealed(api_sessions *sessions, mw_view text, mw_arena *arena)
{
    mw_buf cookie;
    const mw_view header = MW_VIEW("Bearer mw_0123456789");
    const char *sealed = api_session_seal(sessions, header, arena);
    bool is_hidden = memchr(text.data, '\0', text.size) || text.size > 4096;
    mw_buf_init(&cookie, 64 * MW_KIB);
    mw_buf_view(&cookie, text);
    mw_buf_format(&cookie, "; mw_session=%s", sealed ? sealed : "");
    mw_view opened = open_cookie(sessions, mw_buf_as_view(&cookie), false, false, arena);
    /* one of that name before it comes first */
    if (!is_hidden && !memmem(text.data, text.size, "mw_session", 10) &&
        !mw_view_equal(opened, header))
        abort();
    mw_buf_done(&cookie);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static api_sessions *sessions;
    mw_error err;
    mw_arena arena;
    if (size < 2 || (!sessions && api_sessions_new(&sessions, &err) != MW_OK))
        return 0;
    mw_view text = {(const char *)data + 2, size - 2};
    mw_arena_init(&arena, 4 * MW_KIB, 16 * MW_MIB);
    if (open_cookie(sessions, text, data[0] & 1, data[1] & 1, &arena).data)
        abort(); /* nobody guesses a seal */
    check_sealed(sessions, text, &arena);
    mw_arena_done(&arena);
    return 0;
}
