/* table: rows of a request or file become one dense batch of numbers that a model can read.
 *
 *     JSON body, CSV text, tensor bytes --> [schema: which column is which] --> mw_batch (float64)
 *
 * Why float64: LightGBM decides on doubles and XGBoost on floats. A double holds both exactly, and
 * the one rounding to float32 that XGBoost needs happens where it is read, as NumPy does it.
 */
#ifndef TABLE_TABLE_H
#define TABLE_TABLE_H

#include "base/base.h"

/* ---- schema: what a model wants to be given ---------------------------------------------------
 */

typedef enum mw_column_type {
    MW_COLUMN_FLOAT64, /* also when nothing is known */
    MW_COLUMN_FLOAT32, /* values are rounded to float32 on the way in */
    MW_COLUMN_INT64,
    MW_COLUMN_INT32,
    MW_COLUMN_BOOL,
    MW_COLUMN_CATEGORY /* a code 0.., or a text that `categories` maps to its code */
} mw_column_type;

/* The word for it in messages, model show and metadata: "float64", "category". */
const char *mw_column_type_name(mw_column_type type);

typedef struct mw_column {
    mw_view name; /* never empty: "f3" is made up when the model knows no names */
    mw_column_type type;
    bool optional;    /* may be absent from a request: then every row is missing, or */
    bool has_default; /* then has this value, as a cell holds it; null is missing still */
    double default_value;
    const mw_view *was; /* names that it had before; a request may use them */
    size_t n_was;
    const mw_view *categories; /* texts of codes 0..n_categories-1; NULL: codes come as numbers */
    size_t n_categories;
    bool categories_are_numbers; /* their texts are numbers: a number is looked up by its value */
    bool unknown_is_missing; /* a category that was not in training reads as missing (what LightGBM
                                does with a pandas column); otherwise it is an error */
    bool hashed; /* CatBoost: categories are known by the hash of their text only. A text, or a
                    whole number as its decimal text, becomes its hash's place among the hashes, or
                    is missing when it is none of them */
    const uint32_t *category_hashes; /* ascending: mw_category_hash of codes 0.. */
    size_t n_category_hashes;
    const uint32_t *category_index; /* made by mw_schema_make; behind the door */
    size_t category_index_size;
} mw_column;

/* Which columns, in the order of the model's features. Read-only once made; any thread may use it.
 */
typedef struct mw_schema {
    const mw_column *columns;
    size_t n_columns;
    bool named;            /* the names are the model's own: columns are matched by name */
    bool plain_names;      /* JSON has them as they are: no quote, backslash or control byte */
    const uint32_t *index; /* open-addressed hash of names; behind the door */
    size_t index_size;     /* a power of two */
    const struct mw_former_name *formers; /* of columns, which the index counts behind theirs */
    const double *blank; /* a row of which nothing is said: n_columns; NULL: all are missing */
} mw_schema;

/* Make a schema over `columns`; copies everything into `arena`, which must outlive it.
 * Fails: MW_BAD_DATA when two columns have one name, MW_NO_MEMORY. */
MW_CHECKED mw_status mw_schema_make(const mw_column *columns, size_t n_columns, bool named,
                                    mw_arena *arena, mw_schema *ret_schema, mw_error *err);
/* Position of the column called `name`, now or before, or -1. */
ptrdiff_t mw_schema_find(const mw_schema *schema, mw_view name);
/* The code of a category's text, or -1; also of a hashed column. */
ptrdiff_t mw_schema_category(const mw_column *column, mw_view text);
/* The same of a hashed column, by the hash itself. */
ptrdiff_t mw_column_find_hash(const mw_column *column, uint32_t hash);

/* CatBoost's hash of a category: the low 32 bits of CityHash64 1.0 of its text. */
uint32_t mw_category_hash(mw_view text);

/* A category that reads as missing because the model does not know it is a NaN with a mark, above
 * 0; any other value has none. Floats keep it. */
uint32_t mw_stranger_mark(double value);
enum { MW_STRANGER_BYTES = 48 };
/* The beginning of its text; 0: it is not remembered any more. Any thread. */
size_t mw_stranger_text(uint32_t mark, char ret_text[MW_STRANGER_BYTES]);
/* What another server calls it, unless that is known. */
void mw_stranger_learn(uint32_t mark, mw_view text);

/* ---- contracts: whether what was served can be replaced ---------------------------------------
 */

typedef struct mw_contract_column {
    mw_view name, type; /* name: absent, or set; type: a word of mw_column_type_name, or another */
    bool optional, takes_unknown; /* takes_unknown: a new category reads as missing */
    const mw_view *was;           /* names that requests may use for it */
    size_t n_was;
    const mw_view *categories; /* in the order of their codes; NULL: none are known */
    size_t n_categories;
} mw_contract_column;

/* An input or output of a graph: clients may give and ask for it by name, in its shape. */
typedef struct mw_contract_tensor {
    mw_view name, type;  /* type: "float32" */
    const int64_t *dims; /* 0 or less: any number; NULL: not known */
    size_t rank;
} mw_contract_tensor;

/* What clients of a model rely on. */
typedef struct mw_contract {
    const mw_contract_column *columns;
    size_t n_columns;
    bool named;             /* columns are found by name */
    size_t n_outputs;       /* values of a prediction; 0: not known */
    mw_view answer;         /* "probabilities"; absent: not known */
    const mw_view *classes; /* in order; NULL: not known */
    size_t n_classes;
    const mw_contract_tensor *inputs, *answers; /* NULL: it is no graph, or nothing is known */
    size_t n_inputs, n_answers;
    bool only_inputs; /* columns are the inputs, not what stands in them */
} mw_contract;

typedef struct mw_contract_change {
    const char *rule; /* "added", "removed", "renamed", "retyped", "required", "optional",
                         "reordered", "reshaped", "categories", "columns", "outputs", "answer",
                         "classes" */
    bool breaks;      /* requests that were right fail now, or mean something else */
    char what[256];
} mw_contract_change;

/* Tell every change from `before` to `after`, those of columns in the order of `before`. The rules
 * stand in docs/explanation/versions.md. Fails: MW_NO_MEMORY. */
MW_CHECKED mw_status mw_contract_compare(const mw_contract *before, const mw_contract *after,
                                         void (*see)(void *user, const mw_contract_change *change),
                                         void *user, mw_error *err);

/* ---- batch ------------------------------------------------------------------------------------
 */

/* Dense rows: value (r, c) at values[r * n_columns + c]; NaN = missing. Memory is the arena's. */
typedef struct mw_batch {
    double *values;
    size_t n_rows, n_columns;
} mw_batch;

/* The batch as the predictor takes it. */
mw_matrix mw_batch_matrix(const mw_batch *batch);

/* Room for n_rows rows of the schema, of which nothing is said: NaN, or a column's default. */
MW_CHECKED mw_status mw_batch_make(const mw_schema *schema, size_t n_rows, mw_arena *arena,
                                   mw_batch *ret_batch, mw_error *err);
/* The same with values that mean nothing, for a caller who sets each of them. */
MW_CHECKED mw_status mw_batch_make_unset(const mw_schema *schema, size_t n_rows, mw_arena *arena,
                                         mw_batch *ret_batch, mw_error *err);

/* ---- JSON bodies --------------------------------------------------------------------------------
 */

/* Every reader below checks each cell against its column: text in a number column, a category that
 * was not in training, a missing or unknown column, rows of unequal length are MW_MISMATCH errors
 * that name row (from 0) and column and say how to mend it. `null` and NaN mean missing.
 * Columns: matched by name when the body names them and the schema is `named`; otherwise by
 * position, and then the count must be equal. Extra named columns are passed over, as MLflow does.
 * The caller owns `arena`; the batch and what it needs live there until it is reset.
 * `pool` (NULL: none): idle threads of it help with a body of many rows; what is read is the same.
 */

/* An MLflow /invocations body: an object with exactly one of dataframe_split, dataframe_records,
 * instances, inputs; beside it unknown keys are passed over. `instances` and `inputs` take rows,
 * scalars (one column), objects by column, and named tensors, as MLflow does.
 * ret_params (may be NULL): the JSON text of `params`, borrowed from the body; empty without. */
MW_CHECKED mw_status mw_batch_read_mlflow(mw_view body, const mw_schema *schema, mw_arena *arena,
                                          mw_pool *pool, mw_batch *ret_batch, mw_view *ret_params,
                                          mw_error *err);

/* A KServe V1 body: {"instances": [row or object, ...]} or {"inputs": ...}; the same of
 * `parameters`. */
MW_CHECKED mw_status mw_batch_read_kserve(mw_view body, const mw_schema *schema, mw_arena *arena,
                                          mw_pool *pool, mw_batch *ret_batch, mw_view *ret_params,
                                          mw_error *err);

/* JSON lines: one array (by position) or object (by name) a line. */
MW_CHECKED mw_status mw_batch_read_json_lines(mw_view text, const mw_schema *schema,
                                              mw_arena *arena, mw_batch *ret_batch, mw_error *err);

/* ---- CSV ------------------------------------------------------------------------------------- */

/* RFC 4180 with LF, CRLF or CR line ends, quotes, a UTF-8 byte-order mark. Missing: empty, NaN,
 * nan, NA, N/A, null, NULL, None, as pandas reads them. The first line is the header: one without a
 * comma, in which tabs or semicolons stand, says that these separate the fields. Decimals have a
 * point in any case.
 *
 * A reader keeps the header's mapping, so that a file can be read piece by piece:
 *
 *     mw_csv_reader_init -> mw_csv_read_rows (as often as there is text) -> n rows each
 */
typedef struct mw_csv_reader {
    const mw_schema *schema;
    ptrdiff_t *column_of_field; /* schema position of each field of a line, or -1 = passed over */
    size_t n_fields;
    char separator;
    uint64_t line; /* of the next byte, from 1, for messages */
} mw_csv_reader;

/* Read the header line (whole, at the start of `text`) and match its names to the schema.
 * *ret_used is where the first row begins. Memory of the mapping comes from `arena`. */
MW_CHECKED mw_status mw_csv_reader_init(mw_csv_reader *reader, mw_view text,
                                        const mw_schema *schema, mw_arena *arena, size_t *ret_used,
                                        mw_error *err);
/* Read whole rows, at most max_rows, from the start of `text`. With `last` the final line needs no
 * line end; without, an unfinished line is left. *ret_used bytes were read. */
MW_CHECKED mw_status mw_csv_read_rows(mw_csv_reader *reader, mw_view text, bool last,
                                      size_t max_rows, mw_arena *arena, mw_batch *ret_batch,
                                      size_t *ret_used, mw_error *err);
/* A whole text/csv body. */
MW_CHECKED mw_status mw_batch_read_csv(mw_view body, const mw_schema *schema, mw_arena *arena,
                                       mw_batch *ret_batch, mw_error *err);

/* The fields of one line as texts, blanks around them dropped, for those who carry rows on without
 * knowing what is in them. `line` is for messages; n_expected (0 = not known) saves memory. Fields
 * are borrowed from `text` or the arena's; *ret_used bytes make the line, its end included. */
MW_CHECKED mw_status mw_csv_read_fields(mw_view text, char separator, uint64_t line,
                                        size_t n_expected, mw_arena *arena, mw_view **ret_fields,
                                        size_t *ret_n_fields, size_t *ret_used, mw_error *err);
/* What separates the fields of a text that begins with this header. */
char mw_csv_separator(mw_view text);
/* Whether a field says "missing": one of the words above. */
bool mw_text_is_missing(mw_view text);

/* ---- frame: CSV whose columns nobody described --------------------------------------------------
 */

/* The different texts of a column, each with a code 0.., in the order in which they came. */
typedef struct mw_words {
    mw_view *texts; /* n_texts, owned */
    size_t n_texts;
    uint32_t *index; /* open-addressed; behind the door */
    size_t index_size, capacity;
    mw_arena memory;
} mw_words;

void mw_words_init(mw_words *words);
void mw_words_done(mw_words *words);
/* The code of `text`, a new one for a new text. Fails: MW_NO_MEMORY. */
MW_CHECKED mw_status mw_words_code(mw_words *words, mw_view text, size_t *ret_code, mw_error *err);

typedef struct mw_frame_column {
    mw_view name;
    bool is_text;   /* some value is neither a number nor missing */
    double *values; /* n_rows, owned; NaN = missing. Of a text column nothing, until
                       mw_frame_code */
} mw_frame_column;

/* A CSV text by columns. Borrows the text, which must outlive it. */
typedef struct mw_frame {
    mw_frame_column *columns;
    size_t n_columns, n_rows, capacity;
    mw_view rows; /* the text behind the header */
    char separator;
    mw_arena memory;
} mw_frame;

/* Read the header and every row: numbers at once, and which columns are texts. A column without a
 * name is called as pandas calls it: "Unnamed: 3".
 * Fails: MW_MISMATCH (no header, a line of another length), MW_BAD_DATA (quotes, two columns of one
 * name), MW_NO_MEMORY: also when the columns would take more than MW_LIMIT_STUDY_BYTES.
 * Whether it fails or not, mw_frame_done. */
MW_CHECKED mw_status mw_frame_read(mw_view text, mw_frame *frame, mw_error *err);
/* Position of a column, or -1. */
ptrdiff_t mw_frame_find(const mw_frame *frame, mw_view name);
/* Read the rows again: the columns that have words (words[c], NULL: none) become codes of them.
 * Also of number columns, whose texts are taken as they are written. */
MW_CHECKED mw_status mw_frame_code(mw_frame *frame, mw_words *const *words, mw_error *err);
void mw_frame_done(mw_frame *frame);

/* ---- one cell -------------------------------------------------------------------------------- */

/* For readers in other rooms (tensors of the Open Inference Protocol): check and store a value.
 * `row` and `column` must lie inside the batch. */
MW_CHECKED mw_status mw_batch_put_number(mw_batch *batch, const mw_schema *schema, size_t row,
                                         size_t column, double value, mw_error *err);
/* Text: a category of the column; in a number column the text of a number is taken ("3.5"), and an
 * empty text is missing, because BYTES tensors and CSV carry numbers so. */
MW_CHECKED mw_status mw_batch_put_text(mw_batch *batch, const mw_schema *schema, size_t row,
                                       size_t column, mw_view text, mw_error *err);
/* A cell of a row of one model, as a row of another holds it: a category by its text or its hash,
 * whatever codes the two give it; a number by its value; missing stays missing.
 * Fails as the two above where `to` refuses it, and where only a hash is known and `to` needs more.
 * Any thread. */
MW_CHECKED mw_status mw_column_recode(const mw_column *from, const mw_column *to, double value,
                                      double *ret_value, mw_error *err);
/* "column 'x' is missing": the schema has required columns that `present` (n_columns flags) lacks.
 * Fills err with the first few missing names and the nearest given one. */
MW_CHECKED mw_status mw_schema_check_present(const mw_schema *schema, const bool *present,
                                             const mw_view *given, size_t n_given, mw_error *err);

#ifndef MW_BARE /* kernels know no YAML */
/* ---- declarations: what a model says of its columns beyond what was trained --------------------
 *
 *     columns:
 *       income: {was: salary}        or a list of names that requests may use, too
 *       region: {default: north}     left out: this value
 *       tenure: {optional: true}     left out: it reads as missing
 */

typedef struct mw_declaration {
    mw_view name;
    const mw_view *was;
    size_t n_was;
    mw_view default_text; /* absent: none */
    bool says_optional;   /* whether it may be left out is told; a default tells it, too */
    bool optional;
    unsigned line, column, default_line, default_column;
} mw_declaration;

typedef struct mw_declarations {
    const mw_declaration *items;
    size_t count;
    unsigned line, column; /* of `columns` */
} mw_declarations;

/* Read them; NULL and an empty map declare nothing. Texts stay the document's, lists are the
 * arena's. Fails: MW_BAD_DATA (MW2106), err->where "line:column"; MW_NO_MEMORY. */
MW_CHECKED mw_status mw_declarations_read(const mw_yaml *root, mw_arena *arena,
                                          mw_declarations *ret_declarations, mw_error *err);
/* The refusal of one at its place: "WHAT: 'NAME'", with the mend that shows the form. */
mw_status mw_declaration_fail(unsigned line, unsigned column, mw_error *err, const char *what,
                              mw_view name);
#endif

#endif
