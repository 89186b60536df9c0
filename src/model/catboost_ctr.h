/* CatBoost's statistics of the target by category (CTR): a number that training learned for each
 * category, or each combination of categories and answers, and that splits ask for like any other.
 *
 *     row      city = "Kyiv", age = 31
 *     about    city, age > 30                    a combination: categories, then answers
 *     hash     mix(mix(0, hash of "Kyiv"), 1)
 *     table    hash -> counts [44, 42]           what training saw of the target there
 *     value    ((42 + prior) / (86 + prior weight) + shift) * scale, of floats
 *     split    value > border
 *
 * A category that training did not see, and so every combination with it, has no counts: 0 of 0.
 *
 *   catboost_ctr_json.c     statistics and tables as the JSON form writes them
 *   catboost_ctr_binary.c   as the binary form does: FlatBuffers, tables behind the core
 *   catboost_ctr_hash.c     hashes: mixing, and finding the categories that tables know
 *   catboost_ctr.c          all of it becomes a recipe: columns of the model, see mw_recipe
 *
 * Source: CatBoost, catboost/libs/model/static_ctr_provider.cpp and online_ctr.h (version 1.2);
 * Prokhorenkova et al., "CatBoost: unbiased boosting with categorical features" (2018), 3. */
#ifndef MODEL_CATBOOST_CTR_H
#define MODEL_CATBOOST_CTR_H

#include "catboost.h"
#include "flatbuffer.h"

typedef enum cat_part_kind {
    CAT_PART_CATEGORY, /* the hash of the row's category */
    CAT_PART_ABOVE,    /* 1 where a number is above a border, else 0 */
    CAT_PART_IS        /* 1 where the category's hash is `number`, else 0 */
} cat_part_kind;

/* A part of a combination; parts are mixed in their order. */
typedef struct cat_part {
    cat_part_kind kind;
    int64_t feature; /* among the categorical features, or the float ones */
    double number;
} cat_part;

/* In the order of the binary form. */
typedef enum cat_ctr_type {
    CAT_CTR_BORDERS, /* the share of targets above a border of theirs */
    CAT_CTR_BUCKETS, /* the share of one bucket of targets */
    CAT_CTR_BINARIZED_MEAN,
    CAT_CTR_FLOAT_MEAN,
    CAT_CTR_COUNTER, /* how often the combination stood in training */
    CAT_CTR_FREQUENCY,
    CAT_CTR_TYPES
} cat_ctr_type;

/* Counts of a key: a sum and how many; how often; or, 0, one of each class of the target. */
static inline size_t cat_counts_of(cat_ctr_type type)
{
    static const size_t counts[] = {[CAT_CTR_BINARIZED_MEAN] = 2,
                                    [CAT_CTR_FLOAT_MEAN] = 2,
                                    [CAT_CTR_COUNTER] = 1,
                                    [CAT_CTR_FREQUENCY] = 1};
    return counts[type];
}

/* Parts [begin, end) of cat->parts. */
typedef struct cat_about {
    size_t begin, end;
    cat_ctr_type type;
    int32_t classifier; /* of several targets: which one the borders are of; JSON does not say it */
} cat_about;

typedef struct cat_statistic {
    cat_about about;
    int64_t target; /* the border or bucket of the target */
    float prior, prior_weight, shift, scale;
    size_t n_borders;
    size_t end_condition; /* behind its last one: see cat_number_conditions */
    size_t table;         /* of cat->tables, once checked */
} cat_statistic;

/* Keys [first, first + n) of cat->keys, with n_counts counts each from cat->counts[first_count]. */
typedef struct cat_table {
    cat_about about;
    size_t first, n, n_counts, first_count;
    double denominator; /* of counters */
} cat_table;

/* The hash of no combination: CatBoost's own mark of an empty place. */
#define CAT_NO_HASH UINT64_MAX

/* One part more. Everything is modulo 2^64. */
static const uint64_t cat_factor = 0x4906ba494954cb65; /* M: odd */
static inline uint64_t cat_mix(uint64_t hash, uint32_t part)
{
    return cat_factor * (hash + cat_factor * (uint64_t)(int64_t)(int32_t)part);
}

/* The hash of every category that some table knows: for each categorical feature a list of
 * uint32_t, ascending, each once. `lists` are n lists of the n categorical features, empty at
 * first; what is in them is freed by the caller. Fails: MW_UNSUPPORTED when a table knows two or
 * more features that no other table tells apart. */
MW_CHECKED mw_status cat_find_hashes(const model_cat *cat, model_list *lists, mw_error *err);

/* "ctr_data" and "features_info.ctrs" of JSON. */
MW_CHECKED mw_status cat_read_tables(model_cat *cat, mw_error *err);
MW_CHECKED mw_status cat_read_statistics(model_cat *cat, mw_error *err);

/* An entry of CtrFeatures; its borders are the caller's to number. */
MW_CHECKED mw_status cat_read_flat_statistic(model_cat *cat, const model_flat_table *table,
                                             model_flat_vector *ret_borders, mw_error *err);
/* What stands behind the core: a count, then tables of which each has its size before it. */
MW_CHECKED mw_status cat_read_flat_tables(model_cat *cat, mw_view bytes, mw_error *err);

/* Room for one more, within what a model may have. */
MW_CHECKED mw_status cat_add_part(model_cat *cat, cat_part part, mw_error *err);
MW_CHECKED mw_status cat_add_statistic(model_cat *cat, cat_statistic **ret_statistic,
                                       mw_error *err);
MW_CHECKED mw_status cat_add_table(model_cat *cat, cat_table **ret_table, mw_error *err);

/* Parts name features that there are, and every statistic has a table. */
MW_CHECKED mw_status cat_check_statistics(model_cat *cat, mw_error *err);

/* Nodes name a condition until the column of its statistic takes its place; all statistics are
 * numbered before. */
void cat_number_conditions(model_cat *cat);
MW_CHECKED mw_status cat_find_column(const model_cat *cat, size_t condition, uint32_t *ret_column,
                                     mw_error *err);

/* Statistics become columns n_features, n_features + 1, ... of the forest (forest->before). The
 * schema's categories are known: `columns`. */
MW_CHECKED mw_status cat_settle_statistics(model_cat *cat, const mw_column *columns, mw_error *err);

#endif
