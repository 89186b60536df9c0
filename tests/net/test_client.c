/* The client against scripted servers: what it understands, and what it says when there is trouble.
 */
#include "../test.h"

#include <pthread.h>

#include "house.h"

/* A server that says `answer` to whatever comes first, then perhaps closes. */
typedef struct script {
    const char *answer;
    bool closes;
    int listener;
    char address[64];
    pthread_t thread;
} script;

static void *play(void *argument)
{
    script *s = argument;
    int fd = accept(s->listener, NULL, NULL);
    char request[4096];
    if (fd < 0)
        return NULL;
    if (recv(fd, request, sizeof request, 0) > 0 && s->answer)
        wire_send(fd, s->answer);
    if (!s->closes)
        wire_pause(700);
    close(fd);
    return NULL;
}

static void begin_script(script *s)
{
    struct sockaddr_in where = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t size = sizeof where;
    s->listener = socket(AF_INET, SOCK_STREAM, 0);
    assert_int_equal(bind(s->listener, (struct sockaddr *)&where, size), 0);
    assert_int_equal(listen(s->listener, 5), 0);
    assert_int_equal(getsockname(s->listener, (struct sockaddr *)&where, &size), 0);
    snprintf(s->address, sizeof s->address, "127.0.0.1:%d", ntohs(where.sin_port));
    assert_int_equal(pthread_create(&s->thread, NULL, play, s), 0);
}

static void end_script(script *s)
{
    pthread_join(s->thread, NULL);
    close(s->listener);
}

static const struct answer_case {
    const char *answer;
    bool closes;
    mw_status expected;
    int status;
    const char *body;
} answer_cases[] = {
    {"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok", false, MW_OK, 200, "ok"},
    {"HTTP/1.1 404 Not Found\r\ncontent-length:0\r\n\r\n", false, MW_OK, 404, ""},
    {"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\nx", false, MW_OK,
     200, "x"},
    {"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n", false,
     MW_OK, 200, "abcde"},
    {"HTTP/1.1 200 OK\r\n\r\nuntil the end", true, MW_OK, 200, "until the end"},
    {"HTTP/1.1 204 No Content\r\n\r\n", false, MW_OK, 204, ""},
    {"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nshort", true, MW_BAD_DATA, 0, NULL},
    {"HTTP/1.1 200 OK\r\nContent-Length: x\r\n\r\n", true, MW_BAD_DATA, 0, NULL},
    {"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n", true, MW_BAD_DATA, 0, NULL},
    {"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nab", true, MW_BAD_DATA, 0, NULL},
    {"SSH-2.0-x\r\n\r\n", true, MW_BAD_DATA, 0, NULL},
    {"HTTP/1.1 200 OK\r\n", true, MW_BAD_DATA, 0, NULL},
    {NULL, true, MW_BAD_DATA, 0, NULL},
    {NULL, false, MW_BUSY, 0, NULL},
    {"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nshort", false, MW_BUSY, 0, NULL},
};

static void test_answers(void **state)
{
    (void)state;
    for (size_t i = 0; i < MW_COUNT(answer_cases); i++) {
        const struct answer_case *c = &answer_cases[i];
        script s = {.answer = c->answer, .closes = c->closes};
        mw_client *client;
        mw_error err;
        int status = -1;
        mw_view body = {"untouched", 9};
        begin_script(&s);
        assert_int_equal(mw_client_open(s.address, 300, &client, &err), MW_OK);
        mw_status got =
            mw_client_call(client, "GET", "/", NULL, (mw_view){NULL, 0}, &status, &body, &err);
        if (got != c->expected)
            fail_msg("case %zu: got %d (%s)", i, (int)got, err.what);
        if (got == MW_OK && (status != c->status || !mw_view_is(body, c->body)))
            fail_msg("case %zu: %d '%.*s'", i, status, MW_VIEW_ARG(body));
        if (got != MW_OK) {
            assert_int_equal(status, -1);
            assert_string_equal(err.where + strlen("http://"), s.address);
        }
        mw_client_close(client);
        end_script(&s);
    }
}

static void test_nobody_there(void **state)
{
    (void)state;
    mw_client *client = NULL;
    mw_error err;
    assert_int_equal(mw_client_open("127.0.0.1:1", 300, &client, &err), MW_IO);
    assert_int_equal(err.code, MW_E_CLIENT_CONNECT);
    assert_int_equal(mw_client_open("bogus", 300, &client, &err), MW_BAD_ARGUMENT);
    assert_null(client);
    mw_client_close(NULL);
}

/* Keep-alive, large bodies both ways, and a server that closed the idle connection meanwhile. */
static void test_with_our_server(void **state)
{
    (void)state;
    net_house house;
    mw_client *client;
    mw_error err;
    int status;
    mw_view body;
    static char data[3000000];
    memset(data, 'd', sizeof data);
    house_prepare(&house);
    house.options.idle_ms = 100;
    house_open(&house);
    assert_int_equal(mw_client_open(house.address, 5000, &client, &err), MW_OK);
    static const size_t sizes[] = {0, 1, 65536, 65537, sizeof data};
    for (size_t i = 0; i < MW_COUNT(sizes); i++) {
        assert_int_equal(mw_client_call(client, "POST", "/echo", "text/plain",
                                        (mw_view){data, sizes[i]}, &status, &body, &err),
                         MW_OK);
        assert_int_equal(status, 200);
        assert_int_equal(body.size, sizes[i]);
        assert_memory_equal(body.data, data, sizes[i]);
    }
    mw_server_counts counts;
    mw_server_count(house.server, &counts);
    assert_int_equal(counts.accepted, 1);
    wire_pause(400); /* the server closes it; the client must not notice */
    assert_int_equal(
        mw_client_call(client, "GET", "/x?y", NULL, (mw_view){NULL, 0}, &status, &body, &err),
        MW_OK);
    assert_true(mw_view_is(body, "GET|/x|y|1"));
    assert_int_equal(
        mw_client_call(client, "HEAD", "/x", NULL, (mw_view){NULL, 0}, &status, &body, &err),
        MW_OK);
    assert_int_equal(body.size, 0);
    assert_int_equal(
        mw_client_call(client, "GET", "/close", NULL, (mw_view){NULL, 0}, &status, &body, &err),
        MW_OK);
    assert_int_equal(
        mw_client_call(client, "GET", "/x", NULL, (mw_view){NULL, 0}, &status, &body, &err), MW_OK);
    mw_client_close(client);
    house_close(&house);
}

int main(void)
{
    const struct CMUnitTest all[] = {
        cmocka_unit_test(test_answers),
        cmocka_unit_test(test_nobody_there),
        cmocka_unit_test(test_with_our_server),
    };
    return cmocka_run_group_tests(all, NULL, NULL);
}
