/* UBJSON by hand; see ubjson.h for the picture.
 *
 * Inside a typed array a value has no marker of its own: `take_marker` then answers with the
 * array's type, and everything else reads the same bytes in both cases. */
#include "ubjson.h"

#include <endian.h>

#include "names.h"

void model_ubjson_init(model_ubjson *scan, mw_view bytes)
{
    const unsigned char *begin = (const unsigned char *)bytes.data;
    *scan = (model_ubjson){.begin = begin, .at = begin, .end = begin + bytes.size};
}

static mw_status at_byte(const model_ubjson *scan, mw_error *err)
{
    return mw_at(err, "byte %zu", (size_t)(scan->at - scan->begin));
}

static mw_status cut_short(const model_ubjson *scan, mw_error *err)
{
    mw_fail(err, MW_E_MODEL_CUT_SHORT, "the file ends in the middle of a value");
    return at_byte(scan, err);
}

static size_t bytes_left(const model_ubjson *scan)
{
    return (size_t)(scan->end - scan->at);
}

static const char *marker_name(int marker)
{
    switch (marker) {
    case '{':
        return "an object";
    case '[':
        return "an array";
    case 'S':
    case 'C':
        return "text";
    case 'i':
    case 'U':
    case 'I':
    case 'l':
    case 'L':
        return "an integer";
    case 'd':
    case 'D':
        return "a number";
    case 'T':
    case 'F':
        return "true or false";
    case 'Z':
        return "null";
    default:
        return "a byte that begins no value";
    }
}

static mw_status expected(const model_ubjson *scan, const char *what, int marker, mw_error *err)
{
    mw_fail(err, MW_E_MODEL_SYNTAX, "expected %s, found %s", what, marker_name(marker));
    return at_byte(scan, err);
}

static model_ubjson_level *innermost(model_ubjson *scan)
{
    return scan->depth > 0 ? &scan->levels[scan->depth - 1] : NULL;
}

/* The marker of the next value, or -1 at the end of the file. */
static int peek_marker(const model_ubjson *scan)
{
    if (scan->depth > 0 && scan->levels[scan->depth - 1].type)
        return (unsigned char)scan->levels[scan->depth - 1].type;
    return scan->at < scan->end ? *scan->at : -1;
}

static void take_marker(model_ubjson *scan)
{
    model_ubjson_level *level = innermost(scan);
    if (!level || !level->type)
        scan->at++;
}

mw_scan_kind model_ubjson_peek(const model_ubjson *scan)
{
    switch (peek_marker(scan)) {
    case -1:
        return MW_SCAN_END;
    case '{':
        return MW_SCAN_OBJECT;
    case '[':
        return MW_SCAN_ARRAY;
    case 'S':
        return MW_SCAN_STRING;
    case 'i':
    case 'U':
    case 'I':
    case 'l':
    case 'L':
    case 'd':
    case 'D':
        return MW_SCAN_NUMBER;
    case 'T':
        return MW_SCAN_TRUE;
    case 'F':
        return MW_SCAN_FALSE;
    case 'Z':
        return MW_SCAN_NULL;
    default:
        return MW_SCAN_WRONG;
    }
}

/* ---- numbers --------------------------------------------------------------------------------- */

/* Payload bytes of a fixed-size type, 0 for others. */
static inline size_t payload_bytes(int marker)
{
    switch (marker) {
    case 'i':
    case 'U':
        return 1;
    case 'I':
        return 2;
    case 'l':
    case 'd':
        return 4;
    case 'L':
    case 'D':
        return 8;
    default:
        return 0;
    }
}

static inline uint64_t big_endian(const unsigned char *at, size_t size)
{
    uint64_t bits = 0;
    for (size_t i = 0; i < size; i++)
        bits = bits << 8 | at[i];
    return bits;
}

/* The integer of a type at `at`; false when the type is no integer. */
static inline bool integer_at(int marker, const unsigned char *at, int64_t *value)
{
    switch (marker) {
    case 'i':
        *value = (int8_t)at[0];
        return true;
    case 'U':
        *value = at[0];
        return true;
    case 'I':
        *value = (int16_t)big_endian(at, 2);
        return true;
    case 'l':
        *value = (int32_t)big_endian(at, 4);
        return true;
    case 'L':
        *value = (int64_t)big_endian(at, 8);
        return true;
    default:
        return false;
    }
}

static inline double float_at(int marker, const unsigned char *at)
{
    double wide;
    float narrow;
    if (marker == 'D') {
        uint64_t bits = big_endian(at, sizeof wide);
        memcpy(&wide, &bits, sizeof wide);
        return wide;
    }
    uint32_t bits = (uint32_t)big_endian(at, sizeof narrow);
    memcpy(&narrow, &bits, sizeof narrow);
    return (double)narrow;
}

/* Consume the marker and the payload of a number; *ret_at is where the payload stands. */
static mw_status take_payload(model_ubjson *scan, const char *what, int *ret_marker,
                              const unsigned char **ret_at, mw_error *err)
{
    int marker = peek_marker(scan);
    if (marker < 0)
        return cut_short(scan, err);
    size_t size = payload_bytes(marker);
    if (size == 0)
        return expected(scan, what, marker, err);
    take_marker(scan);
    if (bytes_left(scan) < size)
        return cut_short(scan, err);
    *ret_marker = marker;
    *ret_at = scan->at;
    scan->at += size;
    return MW_OK;
}

mw_status model_ubjson_number(model_ubjson *scan, double *ret_value, mw_error *err)
{
    int marker = 0;
    const unsigned char *at = NULL;
    int64_t whole;
    MW_TRY(take_payload(scan, "a number", &marker, &at, err));
    *ret_value = integer_at(marker, at, &whole) ? (double)whole : float_at(marker, at);
    return MW_OK;
}

mw_status model_ubjson_integer(model_ubjson *scan, int64_t *ret_value, mw_error *err)
{
    int marker = 0;
    const unsigned char *at = NULL;
    int64_t value;
    MW_TRY(take_payload(scan, "an integer", &marker, &at, err));
    if (!integer_at(marker, at, &value))
        return expected(scan, "an integer", marker, err);
    *ret_value = value;
    return MW_OK;
}

mw_status model_ubjson_bool(model_ubjson *scan, bool *ret_value, mw_error *err)
{
    int marker = peek_marker(scan);
    if (marker < 0)
        return cut_short(scan, err);
    if (marker != 'T' && marker != 'F')
        return expected(scan, "true or false", marker, err);
    take_marker(scan);
    *ret_value = marker == 'T';
    return MW_OK;
}

/* ---- text ------------------------------------------------------------------------------------ */

/* A length or count: an integer with its own marker, whatever array it stands in. */
static mw_status take_length(model_ubjson *scan, uint64_t *ret_length, mw_error *err)
{
    if (scan->at >= scan->end)
        return cut_short(scan, err);
    int marker = *scan->at;
    size_t size = payload_bytes(marker);
    int64_t length;
    if (size == 0 || marker == 'd' || marker == 'D')
        return expected(scan, "a length", marker, err);
    if (bytes_left(scan) < 1 + size)
        return cut_short(scan, err);
    if (!integer_at(marker, scan->at + 1, &length) || length < 0) {
        mw_fail(err, MW_E_MODEL_SYNTAX, "a length is negative");
        return at_byte(scan, err);
    }
    scan->at += 1 + size;
    *ret_length = (uint64_t)length;
    return MW_OK;
}

static mw_status take_text(model_ubjson *scan, mw_view *ret_text, mw_error *err)
{
    uint64_t length = 0;
    MW_TRY(take_length(scan, &length, err));
    if (length > bytes_left(scan))
        return cut_short(scan, err);
    mw_view text = {(const char *)scan->at, (size_t)length};
    if (!mw_view_is_utf8(text)) {
        mw_fail(err, MW_E_MODEL_SYNTAX, "a text is not UTF-8");
        return at_byte(scan, err);
    }
    scan->at += length;
    *ret_text = text;
    return MW_OK;
}

mw_status model_ubjson_string(model_ubjson *scan, mw_view *ret_text, mw_error *err)
{
    int marker = peek_marker(scan);
    if (marker < 0)
        return cut_short(scan, err);
    if (marker != 'S')
        return expected(scan, "text", marker, err);
    take_marker(scan);
    return take_text(scan, ret_text, err);
}

/* ---- objects and arrays ------------------------------------------------------------------------
 */

static mw_status enter(model_ubjson *scan, model_ubjson_level level, mw_error *err)
{
    if (scan->depth == MW_LIMIT_JSON_DEPTH) {
        mw_fail(err, MW_E_MODEL_SYNTAX, "nested deeper than %d", MW_LIMIT_JSON_DEPTH);
        return at_byte(scan, err);
    }
    scan->levels[scan->depth++] = level;
    return MW_OK;
}

mw_status model_ubjson_object_begin(model_ubjson *scan, mw_error *err)
{
    int marker = peek_marker(scan);
    if (marker < 0)
        return cut_short(scan, err);
    if (marker != '{')
        return expected(scan, "an object", marker, err);
    take_marker(scan);
    return enter(scan, (model_ubjson_level){0}, err);
}

mw_status model_ubjson_object_next(model_ubjson *scan, mw_view *ret_key, bool *ret_more,
                                   mw_error *err)
{
    if (scan->at >= scan->end)
        return cut_short(scan, err);
    *ret_more = *scan->at != '}';
    if (*ret_more)
        return take_text(scan, ret_key, err);
    scan->at++;
    scan->depth--;
    return MW_OK;
}

/* Behind '[': an optional "$type", then "#count" (which a type demands). */
static mw_status take_array_head(model_ubjson *scan, model_ubjson_level *level, mw_error *err)
{
    if (scan->at < scan->end && *scan->at == '$') {
        if (bytes_left(scan) < 3)
            return cut_short(scan, err);
        level->type = (char)scan->at[1];
        if (payload_bytes((unsigned char)level->type) == 0 || scan->at[2] != '#') {
            mw_fail(err, MW_E_MODEL_SYNTAX, "a typed array of a kind that is not read");
            return at_byte(scan, err);
        }
        scan->at += 2;
    }
    if (scan->at < scan->end && *scan->at == '#') {
        scan->at++;
        level->counted = true;
        MW_TRY(take_length(scan, &level->left, err));
    }
    return MW_OK;
}

mw_status model_ubjson_array_begin(model_ubjson *scan, mw_error *err)
{
    int marker = peek_marker(scan);
    if (marker < 0)
        return cut_short(scan, err);
    if (marker != '[')
        return expected(scan, "an array", marker, err);
    take_marker(scan);
    model_ubjson_level level = {.is_array = true};
    MW_TRY(take_array_head(scan, &level, err));
    size_t least = level.type ? payload_bytes((unsigned char)level.type) : 1;
    if (level.left > bytes_left(scan) / least) {
        mw_fail(err, MW_E_MODEL_CUT_SHORT, "an array of %llu elements, but the file ends before",
                (unsigned long long)level.left);
        return at_byte(scan, err);
    }
    return enter(scan, level, err);
}

mw_status model_ubjson_array_next(model_ubjson *scan, bool *ret_more, mw_error *err)
{
    model_ubjson_level *level = innermost(scan);
    if (level->counted) {
        *ret_more = level->left > 0;
        if (*ret_more)
            level->left--;
    } else {
        if (scan->at >= scan->end)
            return cut_short(scan, err);
        *ret_more = *scan->at != ']';
        if (!*ret_more)
            scan->at++;
    }
    if (!*ret_more)
        scan->depth--;
    return MW_OK;
}

mw_status model_ubjson_take_run(model_ubjson *scan, bool *ret_typed, model_ubjson_run *ret_run,
                                mw_error *err)
{
    *ret_typed = peek_marker(scan) == '[' && bytes_left(scan) > 1 && scan->at[1] == '$';
    if (!*ret_typed)
        return MW_OK;
    MW_TRY(model_ubjson_array_begin(scan, err)); /* has seen that the payload is there */
    const model_ubjson_level *level = innermost(scan);
    *ret_run = (model_ubjson_run){level->type, (size_t)level->left, scan->at};
    scan->at += level->left * payload_bytes((unsigned char)level->type);
    scan->depth--;
    return MW_OK;
}

/* One loop for each type: inside it nothing asks for the type again. */
#define EACH_NUMBER(convert)                \
    for (size_t i = 0; i < run->count; i++) \
        out[i] = convert(run->at, i);       \
    break

static inline int8_t int8_of(const unsigned char *at, size_t i)
{
    return (int8_t)at[i];
}

static inline uint8_t uint8_of(const unsigned char *at, size_t i)
{
    return at[i];
}

static inline int16_t int16_of(const unsigned char *at, size_t i)
{
    uint16_t bits;
    memcpy(&bits, at + i * sizeof bits, sizeof bits);
    return (int16_t)be16toh(bits);
}

static inline int32_t int32_of(const unsigned char *at, size_t i)
{
    uint32_t bits;
    memcpy(&bits, at + i * sizeof bits, sizeof bits);
    return (int32_t)be32toh(bits);
}

static inline int64_t int64_of(const unsigned char *at, size_t i)
{
    uint64_t bits;
    memcpy(&bits, at + i * sizeof bits, sizeof bits);
    return (int64_t)be64toh(bits);
}

static inline float float_of(const unsigned char *at, size_t i)
{
    int32_t bits = int32_of(at, i);
    float number;
    memcpy(&number, &bits, sizeof number);
    return number;
}

static inline float rounded_of(const unsigned char *at, size_t i)
{
    int64_t bits = int64_of(at, i);
    double number;
    memcpy(&number, &bits, sizeof number);
    return (float)number;
}

void model_ubjson_run_floats(const model_ubjson_run *run, float *out)
{
    switch (run->type) {
    case 'd':
        EACH_NUMBER(float_of);
    case 'D':
        EACH_NUMBER(rounded_of);
    case 'i':
        EACH_NUMBER((float)int8_of);
    case 'U':
        EACH_NUMBER((float)uint8_of);
    case 'I':
        EACH_NUMBER((float)int16_of);
    case 'l':
        EACH_NUMBER((float)int32_of);
    case 'L':
        EACH_NUMBER((float)int64_of);
    }
}

bool model_ubjson_run_integers(const model_ubjson_run *run, int64_t *out)
{
    switch (run->type) {
    case 'i':
        EACH_NUMBER(int8_of);
    case 'U':
        EACH_NUMBER(uint8_of);
    case 'I':
        EACH_NUMBER(int16_of);
    case 'l':
        EACH_NUMBER(int32_of);
    case 'L':
        EACH_NUMBER(int64_of);
    default:
        return run->count == 0; /* an empty list has no numbers that are wrong */
    }
    return true;
}

/* A value without parts of its own; typed arrays are passed over whole by their opener. */
static mw_status skip_plain(model_ubjson *scan, mw_error *err)
{
    int marker = peek_marker(scan);
    const unsigned char *at;
    mw_view text;
    if (payload_bytes(marker) > 0)
        return take_payload(scan, "a value", &marker, &at, err);
    if (marker == 'S')
        return model_ubjson_string(scan, &text, err);
    if (marker < 0)
        return cut_short(scan, err);
    if (marker != 'T' && marker != 'F' && marker != 'Z')
        return expected(scan, "a value", marker, err);
    take_marker(scan);
    return MW_OK;
}

/* One step inside the innermost container: its next element begins, or it ends. */
static mw_status skip_step(model_ubjson *scan, bool *ret_more, mw_error *err)
{
    mw_view key;
    model_ubjson_level *level = innermost(scan);
    if (!level->is_array)
        return model_ubjson_object_next(scan, &key, ret_more, err);
    if (level->type) { /* array_begin has seen that the bytes are there */
        scan->at += level->left * payload_bytes((unsigned char)level->type);
        level->left = 0;
    }
    return model_ubjson_array_next(scan, ret_more, err);
}

mw_status model_ubjson_skip(model_ubjson *scan, mw_error *err)
{
    unsigned outside = scan->depth;
    bool more = true;
    do {
        mw_scan_kind kind = model_ubjson_peek(scan);
        if (more && kind == MW_SCAN_OBJECT)
            MW_TRY(model_ubjson_object_begin(scan, err));
        else if (more && kind == MW_SCAN_ARRAY)
            MW_TRY(model_ubjson_array_begin(scan, err));
        else if (more)
            MW_TRY(skip_plain(scan, err));
        if (scan->depth > outside)
            MW_TRY(skip_step(scan, &more, err));
    } while (scan->depth > outside);
    return MW_OK;
}

mw_status model_ubjson_end(model_ubjson *scan, mw_error *err)
{
    if (scan->at == scan->end)
        return MW_OK;
    mw_fail(err, MW_E_MODEL_SYNTAX, "%zu bytes stand behind the end of the model",
            bytes_left(scan));
    return at_byte(scan, err);
}
