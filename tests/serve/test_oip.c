/* Infer requests of the Open Inference Protocol: every tensor to its rows, every fault to its
 * sentence. */
#include "../test.h"

#include <math.h>
#include <stdlib.h>

#include "serve/oip_memory.h"

static mw_arena arena, rows_arena;
static char *kept_body;          /* of the last request: rows may stand in it */
static mw_schema plain, colours; /* a, b; a, b and a text category */

/* A graph of the columns a, b: one input of two numbers, or two of one. */
static const mw_graph_tensor pair_input[] = {
    {.name = "pair", .rank = 3, .dims = {-1, 2, 1}, .count = 2}};
static const mw_graph_tensor single_inputs[] = {
    {.name = "x", .rank = 1, .dims = {-1}, .count = 1},
    {.name = "y", .rank = 2, .dims = {-1, 1}, .first = 1, .count = 1}};
static const mw_graph pair_graph = {.inputs = pair_input, .n_inputs = 1};
static const mw_graph singles_graph = {.inputs = single_inputs, .n_inputs = 2};

static int set_up(void **state)
{
    (void)state;
    static const mw_view names[] = {{"red", 3}, {"blue", 4}};
    const mw_column two[] = {{.name = MW_VIEW("a")}, {.name = MW_VIEW("b")}};
    const mw_column three[] = {{.name = MW_VIEW("a")},
                               {.name = MW_VIEW("b"), .optional = true},
                               {.name = MW_VIEW("colour"),
                                .type = MW_COLUMN_CATEGORY,
                                .categories = names,
                                .n_categories = 2}};
    mw_arena_init(&arena, 64 * MW_KIB, 64 * MW_MIB);
    assert_int_equal(mw_schema_make(two, 2, true, &arena, &plain, NULL), MW_OK);
    assert_int_equal(mw_schema_make(three, 3, true, &arena, &colours, NULL), MW_OK);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    free(kept_body);
    mw_arena_done(&rows_arena);
    mw_arena_done(&arena);
    return 0;
}

/* The request stands in memory of just its size, and so does (blocks of 0 bytes) whatever is taken
 * from the arena: a sanitizer sees what goes beyond. Rows live until the next call. */
static mw_status read_rows_of(mw_view json, mw_view binary, const mw_schema *schema,
                              const mw_graph *graph, mw_matrix *ret_rows, mw_error *err)
{
    size_t size = json.size + binary.size;
    free(kept_body);
    char *body = kept_body = malloc(size > 0 ? size : 1);
    assert_non_null(body);
    memcpy(body, json.data, json.size);
    if (binary.size > 0)
        memcpy(body + json.size, binary.data, binary.size);
    mw_arena_done(&rows_arena);
    mw_arena_init(&rows_arena, 0, 64 * MW_MIB);
    oip_request request;
    mw_status status =
        oip_read_request((mw_view){body, size}, json.size, &rows_arena, &request, err);
    if (status == MW_OK) /* shared memory is off */
        status = oip_fetch(NULL, &request, SIZE_MAX, &rows_arena, err);
    if (status == MW_OK)
        status = oip_read_rows(&request, schema, graph, &rows_arena, ret_rows, err);
    return status;
}

static double value_at(const mw_matrix *rows, size_t i)
{
    return rows->dtype == MW_FLOAT32 ? (double)((const float *)rows->data)[i]
                                     : ((const double *)rows->data)[i];
}

static mw_status read_rows(mw_view json, mw_view binary, const mw_schema *schema,
                           mw_matrix *ret_rows, mw_error *err)
{
    return read_rows_of(json, binary, schema, NULL, ret_rows, err);
}

/* ---- what is taken --------------------------------------------------------------------------- */

#define TENSOR(name, shape, datatype, data) \
    "{\"name\":\"" name "\",\"shape\":" shape ",\"datatype\":\"" datatype "\",\"data\":" data "}"
#define INPUTS(tensors) "{\"inputs\":[" tensors "]}"
#define BINARY(name, shape, datatype, size)                                     \
    "{\"name\":\"" name "\",\"shape\":" shape ",\"datatype\":\"" datatype "\"," \
    "\"parameters\":{\"binary_data_size\":" size "}}"
#define MISSING NAN

static const struct good_request {
    const char *json;
    mw_view binary;
    bool with_colours;
    size_t n_rows;
    double values[6];
} good_requests[] = {
    /* one tensor, flat and nested, of any name */
    {INPUTS(TENSOR("x", "[2,2]", "FP64", "[1,2,3,4]")), {0}, false, 2, {1, 2, 3, 4}},
    {INPUTS(TENSOR("x", "[2,2]", "FP32", "[[1,2],[3,4]]")), {0}, false, 2, {1, 2, 3, 4}},
    {INPUTS(TENSOR("x", "[1,2]", "FP32", "[0.1,null]")), {0}, false, 1, {0.1f, MISSING}},
    {INPUTS(TENSOR("x", "[0,2]", "FP32", "[]")), {0}, false, 0, {0}},
    {INPUTS(TENSOR("x", "[1,2]", "FP64", "[NaN,-1e300]")), {0}, false, 1, {MISSING, -1e300}},
    {INPUTS(TENSOR("x", "[1,2]", "INT8", "[-128,127]")), {0}, false, 1, {-128, 127}},
    {INPUTS(TENSOR("x", "[1,2]", "UINT16", "[0,65535]")), {0}, false, 1, {0, 65535}},
    {INPUTS(TENSOR("x", "[1,2]", "INT64", "[-9007199254740992,7]")),
     {0},
     false,
     1,
     {-9007199254740992.0, 7}},
    {INPUTS(TENSOR("x", "[1,2]", "INT16", "[-32768,32767]")), {0}, false, 1, {-32768, 32767}},
    {INPUTS(TENSOR("x", "[1,2]", "INT32", "[-2147483648,2147483647]")),
     {0},
     false,
     1,
     {-2147483648.0, 2147483647}},
    {INPUTS(TENSOR("x", "[1,2]", "UINT8", "[0,255]")), {0}, false, 1, {0, 255}},
    {INPUTS(TENSOR("x", "[1,2]", "UINT32", "[0,4294967295]")), {0}, false, 1, {0, 4294967295.0}},
    {INPUTS(TENSOR("x", "[1,2]", "UINT64", "[0,9223372036854775808]")),
     {0},
     false,
     1,
     {0, 9223372036854775808.0}},
    {INPUTS(TENSOR("x", "[1,2]", "BOOL", "[true,false]")), {0}, false, 1, {1, 0}},
    {INPUTS(TENSOR("x", "[1,2]", "BOOL", "[1,0]")), {0}, false, 1, {1, 0}},
    {INPUTS(TENSOR("x", "[1,2]", "INT64", "[9223372036854775807,-9223372036854775808]")),
     {0},
     false,
     1,
     {0x1p63, -0x1p63}},
    {INPUTS(TENSOR("x", "[1,2]", "UINT64", "[18446744073709551615,0]")),
     {0},
     false,
     1,
     {0x1p64, 0}},
    {INPUTS(TENSOR("x", "[0,2]", "FP32", "[]")), {0}, false, 0, {0}},
    {INPUTS(TENSOR("x", "[1,2]", "BYTES", "[\"1.5\",\"-2\"]")), {0}, false, 1, {1.5, -2}},
    /* one tensor a column, in any order, [n] or [n, 1] */
    {INPUTS(TENSOR("b", "[2]", "FP64", "[3,4]") "," TENSOR("a", "[2,1]", "INT32", "[1,2]")),
     {0},
     false,
     2,
     {1, 3, 2, 4}},
    {INPUTS(TENSOR("colour", "[2]", "BYTES", "[\"blue\",\"red\"]") "," TENSOR("a", "[2]", "FP32",
                                                                              "[5,6]")),
     {0},
     true,
     2,
     {5, MISSING, 1, 6, MISSING, 0}},
    /* beside the inputs */
    {"{\"id\":\"7\",\"parameters\":{\"x\":1},\"outputs\":[{\"name\":\"output\"}],\"inputs\":"
     "[" TENSOR("x", "[1,2]", "FP64", "[1,2]") "]}",
     {0},
     false,
     1,
     {1, 2}},
    /* bytes */
    {INPUTS(BINARY("x", "[1,2]", "FP32", "8")),
     MW_VIEW("\x00\x00\xc0\x3f\x00\x00\x00\xc0"),
     false,
     1,
     {1.5, -2}},
    {INPUTS(BINARY("x", "[1,2]", "FP64", "16")),
     MW_VIEW("\x00\x00\x00\x00\x00\x00\xf0\x3f\x00\x00\x00\x00\x00\x00\xf8\x7f"),
     false,
     1,
     {1, MISSING}},
    {INPUTS(BINARY("x", "[1,2]", "FP16", "4")), MW_VIEW("\x00\x3c\x00\xc0"), false, 1, {1, -2}},
    {INPUTS(BINARY("x", "[1,2]", "BF16", "4")), MW_VIEW("\x80\x3f\x00\xc0"), false, 1, {1, -2}},
    {INPUTS(BINARY("x", "[1,2]", "INT8", "2")), MW_VIEW("\x80\x7f"), false, 1, {-128, 127}},
    {INPUTS(BINARY("x", "[1,2]", "INT32", "8")),
     MW_VIEW("\xff\xff\xff\xff\x00\x00\x01\x00"),
     false,
     1,
     {-1, 65536}},
    {INPUTS(BINARY("x", "[1,2]", "INT64", "16")),
     MW_VIEW("\xfe\xff\xff\xff\xff\xff\xff\xff\x00\x00\x00\x00\x01\x00\x00\x00"),
     false,
     1,
     {-2, 4294967296.0}},
    {INPUTS(BINARY("x", "[1,2]", "UINT16", "4")),
     MW_VIEW("\xff\xff\x02\x01"),
     false,
     1,
     {65535, 258}},
    {INPUTS(BINARY("x", "[1,2]", "UINT32", "8")),
     MW_VIEW("\xff\xff\xff\xff\x00\x00\x01\x00"),
     false,
     1,
     {4294967295.0, 65536}},
    {INPUTS(BINARY("x", "[1,2]", "UINT64", "16")),
     MW_VIEW("\x00\x00\x00\x00\x00\x00\x00\x80\x00\x00\x00\x00\x01\x00\x00\x00"),
     false,
     1,
     {9223372036854775808.0, 4294967296.0}},
    {INPUTS(BINARY("x", "[1,2]", "INT16", "4")), MW_VIEW("\xff\xff\x02\x01"), false, 1, {-1, 258}},
    {INPUTS(BINARY("x", "[1,2]", "UINT8", "2")), MW_VIEW("\xff\x07"), false, 1, {255, 7}},
    {INPUTS(BINARY("x", "[1,2]", "BOOL", "2")), MW_VIEW("\x01\x00"), false, 1, {1, 0}},
    {INPUTS(BINARY("x", "[1,2]", "BYTES", "12")),
     MW_VIEW("\x03\x00\x00\x00"
             "1.5"
             "\x01\x00\x00\x00"
             "9"),
     false,
     1,
     {1.5, 9}},
    /* bytes and text side by side */
    {INPUTS(BINARY("b", "[1]", "FP32", "4") "," TENSOR("a", "[1]", "FP32", "[9]")),
     MW_VIEW("\x00\x00\x80\x3f"),
     false,
     1,
     {9, 1}},
};

static void test_good_requests(void **state)
{
    (void)state;
    for (size_t i = 0; i < MW_COUNT(good_requests); i++) {
        const struct good_request *c = &good_requests[i];
        const mw_schema *schema = c->with_colours ? &colours : &plain;
        mw_matrix rows;
        mw_error err;
        if (read_rows(mw_view_of(c->json), c->binary, schema, &rows, &err) != MW_OK)
            fail_msg("%s: %s: %s", c->json, err.where, err.what);
        assert_int_equal(rows.n_rows, c->n_rows);
        assert_int_equal(rows.n_columns, schema->n_columns);
        for (size_t v = 0; v < rows.n_rows * rows.n_columns; v++) {
            double value = value_at(&rows, v);
            if (value != c->values[v] && !(isnan(value) && isnan(c->values[v])))
                fail_msg("%s: value %zu is %g", c->json, v, value);
        }
    }
}

/* Floats that a predictor takes as they are stay where they are, unless they begin at a place where
 * no float may stand; and are the same wherever that is. */
static void test_floats_in_place(void **state)
{
    (void)state;
    static const float floats[] = {1.5f, -2, 0.1f, 4};
    static const double doubles[] = {1.5, -2, 0.1, 4};
    static const struct {
        const char *datatype, *bytes;
        const void *data;
        size_t size;
    } cases[] = {{"FP32", "16", floats, sizeof floats}, {"FP64", "32", doubles, sizeof doubles}};
    unsigned n_borrowed = 0;
    for (size_t i = 0; i < MW_COUNT(cases) * 8; i++) {
        size_t which = i / 8, element = cases[which].size / 4;
        char json[256];
        mw_matrix rows;
        mw_error err;
        snprintf(json, sizeof json,
                 "{\"id\":\"%.*s\",\"inputs\":[{\"name\":\"x\",\"shape\":[2,2],\"datatype\":\"%s\","
                 "\"parameters\":{\"binary_data_size\":%s}}]}",
                 (int)(i % 8), "aaaaaaa", cases[which].datatype, cases[which].bytes);
        mw_view binary = {cases[which].data, cases[which].size};
        if (read_rows(mw_view_of(json), binary, &plain, &rows, &err) != MW_OK)
            fail_msg("%s: %s", json, err.what);
        const char *in_body = kept_body + strlen(json);
        bool may_stay = (uintptr_t)in_body % element == 0;
        assert_int_equal((const char *)rows.data == in_body, may_stay);
        assert_int_equal((uintptr_t)rows.data % element, 0);
        assert_memory_equal(rows.data, cases[which].data, cases[which].size);
        n_borrowed += may_stay;
    }
    assert_int_equal(n_borrowed, 2 + 1); /* of eight places */
}

/* ---- what is refused ------------------------------------------------------------------------- */

#define PLACED "\"parameters\":{\"shared_memory_region\":\"r\",\"shared_memory_byte_size\":8"

static const struct bad_request {
    const char *json;
    mw_view binary;
    const char *word; /* in the sentence */
} bad_requests[] = {
    {"", {0}, "expected"},
    {"[]", {0}, "object"},
    {"{}", {0}, "no inputs"},
    {"{\"inputs\":[]}", {0}, "no inputs"},
    {"{\"inputs\":{}}", {0}, "array"},
    {"{\"inputs\":[],\"inputs\":[]}", {0}, "twice"},
    {INPUTS("{}"), {0}, "name"},
    {INPUTS("{\"name\":\"x\"}"), {0}, "datatype"},
    {INPUTS("{\"name\":\"x\",\"datatype\":\"FP32\"}"), {0}, "shape"},
    {INPUTS("{\"name\":\"x\",\"datatype\":\"FP32\",\"shape\":[1,2]}"), {0}, "data"},
    {INPUTS(TENSOR("x", "[1,2]", "FP31", "[1,2]")), {0}, "FP31"},
    {INPUTS(TENSOR("x", "[1,2]", "FP16", "[1,2]")), {0}, "binary"},
    {INPUTS(TENSOR("x", "[-1,2]", "FP32", "[1,2]")), {0}, "negative"},
    {INPUTS(TENSOR("x", "[4294967296,4294967296]", "FP32", "[1,2]")), {0}, "too large"},
    {INPUTS(TENSOR("x", "[9223372036854775807]", "FP32", "[1]")),
     {0},
     "the shape does not fit 2 features"},
    {INPUTS(TENSOR("x", "[99999999999999999999]", "FP32", "[1]")), {0}, "at most 64 bits"},
    {INPUTS(TENSOR("x", "[1,1,1,1,1,1,1,1,2]", "FP32", "[1,2]")), {0}, "8 dimensions"},
    {INPUTS(TENSOR("x", "[1.5,2]", "FP32", "[1,2]")), {0}, "whole number"},
    {INPUTS(TENSOR("x", "[0],\"shape\":[2]", "FP32", "[1,2]")), {0}, "'shape' stands twice"},
    {INPUTS(TENSOR("x", "[2],\"shape\":[2]", "FP32", "[1,2]")), {0}, "'shape' stands twice"},
    {INPUTS(TENSOR("x", "[1,3]", "FP32", "[1,2,3]")), {0}, "the shape does not fit 2 features"},
    {INPUTS(TENSOR("x", "[2,2]", "FP32", "[1,2,3]")), {0}, "3 elements, the shape has 4"},
    {INPUTS(TENSOR("x", "[1,2]", "FP32", "[1,2,3]")), {0}, "more than 2 elements, the shape has 2"},
    {INPUTS(TENSOR("x", "[2,2]", "FP32", "[[1,2,3],[4]]")), {0}, "not as long as the shape"},
    {INPUTS(TENSOR("x", "[2,2]", "FP32", "[[1],[2],[3],[4]]")), {0}, "not as long as the shape"},
    {INPUTS(TENSOR("x", "[2,2]", "FP32", "[[1,2],3,4]")), {0}, "unevenly"},
    {INPUTS(TENSOR("x", "[2,2]", "FP32", "[1,2,[3,4]]")), {0}, "deeper"},
    {INPUTS(TENSOR("x", "[2,2]", "FP32", "[[[1,2],[3,4]]]")), {0}, "deeper"},
    {INPUTS(TENSOR("x", "[2,2]", "FP32", "[[1,2],[3,4],[]]")), {0}, "not as long as the shape"},
    {INPUTS(TENSOR("x", "[999999999,2]", "FP32", "[1,2]")), {0}, "5 bytes of data cannot hold"},
    {INPUTS(TENSOR("x", "[1,2]", "BOOL", "[1,7]")), {0}, "an element is no BOOL"},
    {INPUTS(TENSOR("x", "[1,2]", "FP32", "[1,true]")), {0}, "expected a number"},
    {INPUTS(TENSOR("x", "[1,2]", "INT64", "[1,1e19]")), {0}, "an element is no INT64"},
    {INPUTS(TENSOR("x", "[1,2]", "UINT64", "[1,-1]")), {0}, "an element is no UINT64"},
    {INPUTS(TENSOR("x\",\"name\":\"y", "[1,2]", "FP32", "[1,2]")), {0}, "'name' stands twice"},
    {INPUTS(TENSOR("x", "[1,2]", "FP32\",\"datatype\":\"INT8", "[1,2]")),
     {0},
     "'datatype' stands twice"},
    {INPUTS(TENSOR("x", "[1,2]", "FP32", "[1,2],\"data\":[3,4]")), {0}, "'data' stands twice"},
    {INPUTS(TENSOR("x", "[1,2]", "FP32", "[1,2],\"parameters\":{},\"parameters\":{}")),
     {0},
     "'parameters' stands twice"},
    {INPUTS(TENSOR("x", "[1,2]", "FP32", "[1,\"two\"]")), {0}, "found text"},
    {INPUTS(TENSOR("x", "[1,2]", "INT32", "[1,2.5]")), {0}, "an element is no INT32"},
    {INPUTS(TENSOR("x", "[1,2]", "INT8", "[1,128]")), {0}, "an element is no INT8"},
    {INPUTS(TENSOR("x", "[1,2]", "UINT8", "[1,-1]")), {0}, "an element is no UINT8"},
    {INPUTS(TENSOR("a", "[1]", "FP32", "[1]")), {0}, "missing: 'b'; fix: send every column"},
    {INPUTS(TENSOR("z", "[1]", "FP32", "[1]") "," TENSOR("a", "[1]", "FP32", "[1]")),
     {0},
     "no column 'z'"},
    {INPUTS(TENSOR("a", "[1]", "FP32", "[1]") "," TENSOR("a", "[1]", "FP32", "[1]")),
     {0},
     "called 'a'"},
    {INPUTS(TENSOR("a", "[2]", "FP32", "[1,2]") "," TENSOR("b", "[1]", "FP32", "[1]")),
     {0},
     "input 'b': 1 rows, the first input has 2"},
    {INPUTS(BINARY("x", "[1,2]", "FP32", "8")), MW_VIEW("1234567"), "7 left"},
    {INPUTS(BINARY("x", "[1,2]", "FP32", "8")), MW_VIEW("123456789"), "behind the last"},
    {INPUTS(BINARY("x", "[1,2]", "FP32", "4")), MW_VIEW("1234"), "do not fill"},
    {INPUTS(BINARY("x", "[1,2]", "FP32", "-8")), MW_VIEW("12345678"), "negative"},
    {INPUTS(BINARY("x", "[1,2]", "FP32", "18446744073709551615")), MW_VIEW("12345678"),
     "parameters.binary_data_size"},
    {INPUTS(BINARY("x", "[1,2]", "BYTES", "8")), MW_VIEW("\xff\xff\xff\xff\0\0\0\0"),
     "0 elements, the shape has 2"},
    {INPUTS(BINARY("x", "[1,2]", "BYTES", "6")),
     MW_VIEW("\x01\0\0\0"
             "1\0"),
     "6 bytes do not fill"},
    {INPUTS(BINARY("x", "[1,2]", "BYTES", "13")),
     MW_VIEW("\3\0\0\0"
             "1.5"
             "\1\0\0\0"
             "9x"),
     "more than 2 elements, the shape has 2"},
    {INPUTS(BINARY("x", "[1000000000,2]", "BYTES", "8")), MW_VIEW("\0\0\0\0\0\0\0\0"), "fill"},
    {INPUTS("{\"name\":\"x\",\"shape\":[1,2],\"datatype\":\"FP32\",\"data\":[1,2],"
            "\"parameters\":{\"binary_data_size\":8}}"),
     MW_VIEW("12345678"), "both"},
    {INPUTS("{\"name\":\"x\",\"shape\":[1,2],\"datatype\":\"FP32\"," PLACED "}}"),
     {0},
     "shared memory is off"},
    {INPUTS("{\"name\":\"x\",\"shape\":[1,2],\"datatype\":\"FP32\","
            "\"parameters\":{\"shared_memory_region\":\"r\"}}"),
     {0},
     "half of a place"},
    {INPUTS("{\"name\":\"x\",\"shape\":[1,2],\"datatype\":\"FP32\","
            "\"parameters\":{\"shared_memory_offset\":8}}"),
     {0},
     "half of a place"},
    {INPUTS("{\"name\":\"x\",\"shape\":[1,2],\"datatype\":\"FP32\","
            "\"parameters\":{\"shared_memory_region\":7,\"shared_memory_byte_size\":8}}"),
     {0},
     "shared_memory_region"},
    {INPUTS("{\"name\":\"x\",\"shape\":[1,2],\"datatype\":\"FP32\","
            "\"parameters\":{\"shared_memory_region\":\"r\",\"shared_memory_byte_size\":-8}}"),
     {0},
     "negative"},
    {INPUTS("{\"name\":\"x\",\"shape\":[1,2],\"datatype\":\"FP32\"," PLACED
            ",\"shared_memory_offset\":1.5}}"),
     {0},
     "shared_memory_offset"},
    {INPUTS("{\"name\":\"x\",\"shape\":[1,2],\"datatype\":\"FP32\"," PLACED
            ",\"binary_data_size\":8}}"),
     {0},
     "both shared memory"},
    {INPUTS("{\"name\":\"x\",\"shape\":[1,2],\"datatype\":\"FP32\",\"data\":[1,2]," PLACED "}}"),
     {0},
     "both data"},
    {"{\"inputs\":[" TENSOR("x", "[1,2]", "FP32", "[1,2]") "],\"outputs\":[{}]}", {0}, "name"},
    {"{\"inputs\":[" TENSOR("x", "[1,2]", "FP32", "[1,2]") "]} x",
     {0},
     "expected the end of the text"},
};

static void test_bad_requests(void **state)
{
    (void)state;
    for (size_t i = 0; i < MW_COUNT(bad_requests); i++) {
        const struct bad_request *c = &bad_requests[i];
        mw_matrix rows;
        mw_error err;
        if (read_rows(mw_view_of(c->json), c->binary, &plain, &rows, &err) == MW_OK)
            fail_msg("%s was read", c->json);
        mw_buf sentence;
        mw_buf_init(&sentence, 4096);
        mw_error_sentence(&err, &sentence);
        assert_non_null(mw_buf_as_view(&sentence).data);
        if (!memmem(sentence.data, sentence.size, c->word, strlen(c->word)))
            fail_msg("%s: no '%s' in: %.*s", c->json, c->word,
                     MW_VIEW_ARG(mw_buf_as_view(&sentence)));
        if (!err.mend[0])
            fail_msg("%s: no mend", c->json);
        mw_buf_done(&sentence);
    }
}

/* A text cut anywhere is an error, and is not read beyond its end. */
static void test_cut_everywhere(void **state)
{
    (void)state;
    for (size_t i = 0; i < MW_COUNT(good_requests); i++) {
        const struct good_request *c = &good_requests[i];
        const mw_schema *schema = c->with_colours ? &colours : &plain;
        size_t size = strlen(c->json);
        mw_matrix rows;
        mw_error err;
        for (size_t cut = 0; cut < size; cut++)
            assert_int_not_equal(read_rows((mw_view){c->json, cut}, c->binary, schema, &rows, &err),
                                 MW_OK);
        for (size_t cut = 0; cut < c->binary.size; cut++)
            assert_int_not_equal(
                read_rows(mw_view_of(c->json), (mw_view){c->binary.data, cut}, schema, &rows, &err),
                MW_OK);
    }
}

/* ---- what is asked for ----------------------------------------------------------------------- */

static const struct output_case {
    const char *beside; /* beside the inputs */
    size_t n_outputs;
    bool says_binary, binary, binary_output;
    int64_t classification;
} output_cases[] = {
    {"\"outputs\":[]", 0, false, false, false, 0},
    {"\"outputs\":[{\"name\":\"output\"}]", 1, false, false, false, 0},
    {"\"outputs\":[{\"name\":\"output\",\"parameters\":{}}]", 1, false, false, false, 0},
    {"\"outputs\":[{\"name\":\"output\",\"parameters\":{\"binary_data\":true}}]", 1, true, true,
     false, 0},
    {"\"outputs\":[{\"name\":\"output\",\"parameters\":{\"binary_data\":false}}]", 1, true, false,
     false, 0},
    {"\"outputs\":[{\"parameters\":{\"classification\":3},\"name\":\"output\"}]", 1, false, false,
     false, 3},
    {"\"parameters\":{\"binary_data_output\":true}", 0, false, false, true, 0},
    {"\"parameters\":{\"binary_data_output\":false}", 0, false, false, false, 0},
    {"\"parameters\":{\"binary_data_output\":true},\"outputs\":"
     "[{\"name\":\"output\",\"parameters\":{\"binary_data\":false}}]",
     1, true, false, true, 0},
};

static void test_outputs(void **state)
{
    (void)state;
    for (size_t i = 0; i < MW_COUNT(output_cases); i++) {
        const struct output_case *c = &output_cases[i];
        char json[512];
        oip_request request;
        mw_error err;
        int size = snprintf(json, sizeof json, "{%s,\"inputs\":[%s]}", c->beside,
                            TENSOR("x", "[1,2]", "FP32", "[1,2]"));
        assert_in_range(size, 1, sizeof json - 1);
        if (oip_read_request(mw_view_of(json), (size_t)size, &arena, &request, &err) != MW_OK)
            fail_msg("%s: %s: %s", c->beside, err.where, err.what);
        const oip_output none = {0};
        const oip_output *output = request.n_outputs > 0 ? &request.outputs[0] : &none;
        if (request.n_outputs != c->n_outputs || output->says_binary != c->says_binary ||
            output->binary != c->binary || request.binary_output != c->binary_output ||
            output->classification != c->classification)
            fail_msg("%s: read wrongly", c->beside);
    }
}

static void test_bad_outputs(void **state)
{
    (void)state;
    static const struct {
        const char *beside, *word;
    } cases[] = {
        {"\"outputs\":{}", "array"},
        {"\"outputs\":[7]", "outputs[0]"},
        {"\"outputs\":[{\"name\":7}]", "text"},
        {"\"outputs\":[{\"name\":\"o\",\"parameters\":{\"binary_data\":1}}]", "binary_data"},
        {"\"outputs\":[{\"name\":\"o\",\"parameters\":{\"binary_data\":\"yes\"}}]", "binary_data"},
        {"\"outputs\":[{\"name\":\"o\",\"parameters\":{\"classification\":0}}]", "less than one"},
        {"\"outputs\":[{\"name\":\"o\",\"parameters\":{\"shared_memory_region\":\"r\"}}]",
         "half of a place"},
        {"\"outputs\":[{\"name\":\"o\",\"parameters\":{\"shared_memory_region\":\"r\","
         "\"shared_memory_byte_size\":8}}]",
         "shared memory is off"},
        {"\"parameters\":{\"shared_memory_region\":\"r\"}", "an input's or an output's"},
        {"\"parameters\":{\"binary_data_output\":\"yes\"}", "binary_data_output"},
        {"\"id\":7", "text"},
    };
    for (size_t i = 0; i < MW_COUNT(cases); i++) {
        char json[512];
        mw_matrix rows;
        mw_error err;
        snprintf(json, sizeof json, "{%s,\"inputs\":[%s]}", cases[i].beside,
                 TENSOR("x", "[1,2]", "FP32", "[1,2]"));
        if (read_rows(mw_view_of(json), (mw_view){0}, &plain, &rows, &err) == MW_OK)
            fail_msg("%s was read", cases[i].beside);
        if (!strstr(err.what, cases[i].word) && !strstr(err.where, cases[i].word))
            fail_msg("%s: %s: %s", cases[i].beside, err.where, err.what);
    }
}

static void test_header_length(void **state)
{
    (void)state;
    oip_request request;
    mw_error err;
    assert_int_not_equal(oip_read_request(MW_VIEW("{}"), 3, &arena, &request, &err), MW_OK);
    assert_non_null(strstr(err.what, "Inference-Header-Content-Length is 3"));
}

/* ---- inputs of a graph ----------------------------------------------------------------------- */

#define X(shape, data) TENSOR("x", shape, "FP32", data)
#define Y(shape, data) TENSOR("y", shape, "FP32", data)
#define PAIR(shape, data) TENSOR("pair", shape, "FP32", data)

static const struct graph_request {
    const mw_graph *graph;
    const char *json;
    const char *word; /* in the sentence of a refusal; NULL: it is read */
    size_t n_rows;
    double values[4];
} graph_requests[] = {
    {&pair_graph, INPUTS(PAIR("[2,2,1]", "[1,2,3,4]")), NULL, 2, {1, 2, 3, 4}},
    {&pair_graph, INPUTS(PAIR("[2,2,1]", "[[[1],[2]],[[3],[4]]]")), NULL, 2, {1, 2, 3, 4}},
    {&pair_graph, INPUTS(PAIR("[2,2]", "[1,2,3,4]")), NULL, 2, {1, 2, 3, 4}},
    {&pair_graph, INPUTS(TENSOR("input", "[1,2]", "FP64", "[1,2]")), NULL, 1, {1, 2}},
    {&pair_graph,
     INPUTS(TENSOR("a", "[1]", "FP64", "[1]") "," TENSOR("b", "[1]", "INT8", "[2]")),
     NULL,
     1,
     {1, 2}},
    {&singles_graph, INPUTS(X("[2]", "[1,3]") "," Y("[2,1]", "[2,4]")), NULL, 2, {1, 2, 3, 4}},
    {&singles_graph, INPUTS(Y("[2]", "[2,4]") "," X("[2,1]", "[1,3]")), NULL, 2, {1, 2, 3, 4}},
    {&pair_graph, INPUTS(PAIR("[2,3]", "[1,2,3,4,5,6]")), "does not fit [-1, 2, 1]", 0, {0}},
    {&pair_graph, INPUTS(PAIR("[2]", "[1,2]")), "does not fit [-1, 2, 1]", 0, {0}},
    {&pair_graph, INPUTS(PAIR("[]", "[1]")), "first dimension", 0, {0}},
    {&pair_graph, INPUTS(PAIR("[4611686018427387904,2]", "[1,2]")), "cannot hold", 0, {0}},
    {&pair_graph, INPUTS(PAIR("[1000000000,2,1]", "[1,2]")), "cannot hold", 0, {0}},
    {&singles_graph, INPUTS(X("[2]", "[1,3]")), "'y' is missing", 0, {0}},
    {&singles_graph, INPUTS(X("[2]", "[1,3]") "," X("[2]", "[1,3]")), "two inputs 'x'", 0, {0}},
    {&singles_graph,
     INPUTS(X("[2]", "[1,3]") "," TENSOR("z", "[2]", "FP32", "[1,3]")),
     "no input 'z'",
     0,
     {0}},
    {&singles_graph,
     INPUTS(TENSOR("z", "[2]", "FP32", "[1,3]") "," X("[2]", "[1,3]")),
     "no input 'z'",
     0,
     {0}},
    {&singles_graph, INPUTS(X("[2]", "[1,3]") "," Y("[1]", "[2]")), "the same for all", 0, {0}},
};

static void test_graph_inputs(void **state)
{
    (void)state;
    for (size_t i = 0; i < MW_COUNT(graph_requests); i++) {
        const struct graph_request *c = &graph_requests[i];
        mw_matrix rows;
        mw_error err = {0};
        mw_status status =
            read_rows_of(mw_view_of(c->json), (mw_view){0}, &plain, c->graph, &rows, &err);
        if (c->word && (status == MW_OK || !strstr(err.what, c->word) || !err.mend[0]))
            fail_msg("%s: no '%s' in: %s", c->json, c->word, err.what);
        if (c->word)
            continue;
        if (status != MW_OK)
            fail_msg("%s: %s: %s", c->json, err.where, err.what);
        assert_int_equal(rows.n_rows, c->n_rows);
        assert_memory_equal(rows.data, c->values, c->n_rows * 2 * sizeof(double));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_graph_inputs),    cmocka_unit_test(test_good_requests),
        cmocka_unit_test(test_floats_in_place), cmocka_unit_test(test_bad_requests),
        cmocka_unit_test(test_cut_everywhere),  cmocka_unit_test(test_outputs),
        cmocka_unit_test(test_bad_outputs),     cmocka_unit_test(test_header_length),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
