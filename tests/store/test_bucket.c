/* What a bucket is told and what it says, without one: signatures, listings, keys. */
#include "../test.h"

#include "store/bucket.h"
#include "store/bucket_keys.h"
#include "store/bucket_roles.h"
#include "store/listing.h"
#include "store/sigv4.h"

#define EMPTY_SHA256 "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"

/* Amazon S3 API Reference, "Authenticating Requests: Using the Authorization Header", examples. */
static void test_signatures(void **state)
{
    (void)state;
    static const struct {
        const char *query, *signature;
    } rows[] = {
        {"lifecycle=", "fea454ca298b7da1c68078a5d1bdbfbbe0d65c699e0f91ac7a200a0136783543"},
        {"max-keys=2&prefix=J", "34b48302e7b5fa45bde8084f4b7868a86f0a534bc59db6670ed5711ef69dc6f7"},
    };
    store_keys keys = {"AKIAIOSFODNN7EXAMPLE", "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY", NULL};
    for (size_t i = 0; i < MW_COUNT(rows); i++) {
        mw_buf out;
        mw_buf_init(&out, MW_MIB);
        store_signed request = {.method = "GET",
                                .host = "examplebucket.s3.amazonaws.com",
                                .region = "us-east-1",
                                .path = "/",
                                .query = rows[i].query,
                                .payload = EMPTY_SHA256,
                                .seconds = 1369353600};
        assert_true(store_sign(&request, &keys, &out));
        assert_non_null(strstr(out.data, "x-amz-date: 20130524T000000Z\r\n"));
        assert_non_null(strstr(out.data, "Credential=AKIAIOSFODNN7EXAMPLE/20130524/us-east-1/s3/"
                                         "aws4_request,SignedHeaders=host;x-amz-content-sha256;"
                                         "x-amz-date,"));
        assert_non_null(strstr(out.data, rows[i].signature));
        assert_null(strstr(out.data, keys.secret));
        mw_buf_done(&out);
    }
}

/* The same, "Using Query Parameters", the example; and that capitals come first. */
static void test_presigned(void **state)
{
    (void)state;
    mw_buf out;
    mw_buf_init(&out, MW_MIB);
    store_keys keys = {"AKIAIOSFODNN7EXAMPLE", "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY", NULL};
    store_signed request = {.method = "GET",
                            .host = "examplebucket.s3.amazonaws.com",
                            .region = "us-east-1",
                            .path = "/test.txt",
                            .query = "",
                            .seconds = 1369353600};
    assert_true(store_presign(&request, &keys, 86400, &out));
    assert_string_equal(
        out.data,
        "X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Credential=AKIAIOSFODNN7EXAMPLE%2F20130524%2F"
        "us-east-1%2Fs3%2Faws4_request&X-Amz-Date=20130524T000000Z&X-Amz-Expires=86400"
        "&X-Amz-SignedHeaders=host&X-Amz-Signature="
        "aeeed9bbccd4d02ee5c0109b86d86835f995330da4c265957d157751f604d404");
    /* these two as botocore 1.44 signs them */
    mw_buf_reset(&out);
    keys.token = "a+b";
    request.method = "PUT";
    request.query = "partNumber=1&uploadId=x";
    assert_true(store_presign(&request, &keys, 60, &out));
    assert_non_null(strstr(out.data, "&X-Amz-Security-Token=a%2Bb&X-Amz-SignedHeaders=host"
                                     "&partNumber=1&uploadId=x&X-Amz-Signature="
                                     "ac1e63f7bef2590c6b6b8deec80b46f4743439e5f738e9022e614d192ab5"
                                     "e97a"));
    mw_buf_reset(&out);
    request.path = "/sha256/ab/cd";
    request.query = "";
    request.payload = EMPTY_SHA256;
    request.copy_source = "/b/p%20q/uploads/1";
    assert_true(store_sign(&request, &keys, &out));
    assert_non_null(strstr(out.data, "x-amz-copy-source: /b/p%20q/uploads/1\r\n"));
    assert_non_null(strstr(out.data, "Signature="
                                     "0b1d32260690e3b4265091f0715b949a8933c6f5d0514c664aebcf8f9ba8"
                                     "3d73"));
    mw_buf_done(&out);
}

static void test_encoding(void **state)
{
    (void)state;
    mw_buf out;
    mw_buf_init(&out, MW_KIB);
    store_encode(&out, MW_VIEW("a-b_c.d~/\xc3\xa4 +"), true);
    assert_string_equal(out.data, "a-b_c.d~/%C3%A4%20%2B");
    mw_buf_reset(&out);
    store_encode(&out, MW_VIEW("a/b"), false);
    assert_string_equal(out.data, "a%2Fb");
    mw_buf_done(&out);
}

static void test_listing(void **state)
{
    (void)state;
    mw_view xml = MW_VIEW("<L><IsTruncated>true</IsTruncated>"
                          "<Contents><Key>p/sha256/ab/cd</Key><LastModified>2026-11-27T18:47:05.000"
                          "Z</LastModified><Size>6</Size></Contents>"
                          "<Contents><Size>7</Size><Key>q</Key></Contents>"
                          "<Contents><Key>r</Key><Size>many</Size></Contents></L>");
    store_object object;
    assert_true(mw_view_is(store_xml_text(xml, "IsTruncated"), "true"));
    assert_null(store_xml_text(xml, "Code").data);
    assert_true(store_next_object(&xml, &object));
    assert_true(mw_view_is(object.key, "p/sha256/ab/cd"));
    assert_int_equal(object.bytes, 6);
    assert_int_equal(object.modified_ms, 1795805225000);
    assert_true(store_next_object(&xml, &object));
    assert_int_equal(object.bytes, 7);
    assert_int_equal(object.modified_ms, 0);
    assert_false(store_next_object(&xml, &object));
    static const char *const bad[] = {"", "<Contents>", "<Contents></Contents>",
                                      "</Contents><Key>"};
    for (size_t i = 0; i < MW_COUNT(bad); i++) {
        mw_view text = mw_view_of(bad[i]);
        assert_false(store_next_object(&text, &object));
    }
}

static void test_listing_of_uploads(void **state)
{
    (void)state;
    mw_view xml = MW_VIEW("<R><Upload><Key>p/uploads/ab</Key><UploadId>i.d</UploadId>"
                          "<Initiated>2026-11-27T18:47:05.000Z</Initiated></Upload>"
                          "<Upload><UploadId>j</UploadId><Key>q</Key></Upload>"
                          "<Upload><Key>without id</Key></Upload></R>");
    store_parts parts;
    assert_true(store_next_parts(&xml, &parts));
    assert_true(mw_view_is(parts.key, "p/uploads/ab") && mw_view_is(parts.id, "i.d"));
    assert_int_equal(parts.begun_ms, 1795805225000);
    assert_true(store_next_parts(&xml, &parts));
    assert_true(mw_view_is(parts.key, "q") && parts.begun_ms == 0);
    assert_false(store_next_parts(&xml, &parts));
}

static void test_keys(void **state)
{
    (void)state;
    store_key_ring keys;
    mw_view text = MW_VIEW("# of mine\n[default]\naws_access_key_id = A\r\n"
                           "aws_secret_access_key=b=c\n\n[ other ]\naws_access_key_id=D\n"
                           "aws_secret_access_key=e\naws_session_token=f\nregion = x\n[none]\n");
    assert_true(store_keys_parse(text, "default", &keys));
    assert_string_equal(keys.id, "A");
    assert_string_equal(keys.secret, "b=c");
    assert_string_equal(keys.token, "");
    assert_true(store_keys_parse(text, "other", &keys));
    assert_string_equal(keys.token, "f");
    assert_false(store_keys_parse(text, "none", &keys));
    assert_false(store_keys_parse(text, "absent", &keys));
    assert_false(store_keys_parse(MW_VIEW("[default]"), "default", &keys));
}

static void test_keys_of_roles(void **state)
{
    (void)state;
    store_key_ring keys;
    assert_true(store_keys_from_json(
        MW_VIEW("{\"Code\":\"Success\",\"AccessKeyId\":\"A\",\"SecretAccessKey\":\"b\","
                "\"Token\":\"c\",\"Expiration\":\"2026-11-27T18:47:05Z\"}"),
        &keys));
    assert_string_equal(keys.token, "c");
    assert_int_equal(keys.expires_ms, 1795805225000);
    assert_true(store_keys_from_xml(
        MW_VIEW("<R><Credentials><AccessKeyId>A</AccessKeyId><SecretAccessKey>b</SecretAccessKey>"
                "<SessionToken>c+/=</SessionToken><Expiration>2026-11-27T18:47:05Z</Expiration>"
                "</Credentials></R>"),
        &keys));
    assert_string_equal(keys.token, "c+/=");
    static const char *const bad[] = {
        "",
        "{}",
        "[",
        "{\"Code\":\"Failed\"}",
        "{\"AccessKeyId\":\"A\",\"SecretAccessKey\":\"b\",\"Token\":\"c\"}",
        "{\"AccessKeyId\":1,\"SecretAccessKey\":\"b\",\"Token\":\"c\",\"Expiration\":\"x\"}"};
    for (size_t i = 0; i < MW_COUNT(bad); i++) {
        assert_false(store_keys_from_json(mw_view_of(bad[i]), &keys));
        assert_false(store_keys_from_xml(mw_view_of(bad[i]), &keys));
    }
}

static void test_places(void **state)
{
    (void)state;
    static const char *const bad[] = {"",       "s3:/x",   "http://x",   "s3://",
                                      "s3://A", "s3://ab", "s3://a b/c", "s3://x_y_z"};
    setenv("AWS_ACCESS_KEY_ID", "a", 1);
    setenv("AWS_SECRET_ACCESS_KEY", "b", 1);
    for (size_t i = 0; i < MW_COUNT(bad); i++) {
        mw_error err;
        store_bucket *bucket;
        store_place place = {bad[i], "", "us-east-1"};
        assert_int_equal(store_bucket_open(&place, &bucket, &err), MW_BAD_ARGUMENT);
        assert_int_equal(err.code, MW_E_STORE_PLACE);
    }
    mw_error err;
    store_bucket *bucket;
    store_place good = {"s3://models/mw/x/", "", "eu-central-1"};
    assert_int_equal(store_bucket_open(&good, &bucket, &err), MW_OK);
    store_bucket_close(bucket);
    /* nobody listens on port 1: told as away, after the tries */
    bool there;
    store_place away = {"s3://models", "http://127.0.0.1:1", "us-east-1"};
    assert_int_equal(store_bucket_open(&away, &bucket, &err), MW_OK);
    assert_int_equal(store_bucket_has(bucket, MW_VIEW(EMPTY_SHA256), &there, &err), MW_BUSY);
    assert_int_equal(err.code, MW_E_STORE_AWAY);
    store_bucket_close(bucket);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_signatures),
        cmocka_unit_test(test_presigned),
        cmocka_unit_test(test_listing_of_uploads),
        cmocka_unit_test(test_encoding),
        cmocka_unit_test(test_listing),
        cmocka_unit_test(test_keys),
        cmocka_unit_test(test_keys_of_roles),
        cmocka_unit_test(test_places),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
