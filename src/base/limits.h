/* Every cap of the program. Reaching one gives a sentence, never a crash.
 * Those that a user may change are the defaults of an option of the same name. */
#ifndef BASE_LIMITS_H
#define BASE_LIMITS_H

#define MW_KIB ((size_t)1024)
#define MW_MIB (1024 * MW_KIB)
#define MW_GIB (1024 * MW_MIB)

/* network */
#define MW_LIMIT_HEAD_BYTES (8 * MW_KIB)   /* request line and headers: 431 beyond */
#define MW_LIMIT_TARGET_BYTES (4 * MW_KIB) /* request target: 414 beyond */
#define MW_LIMIT_HEADERS 100
#define MW_LIMIT_BODY_BYTES (16 * MW_MIB) /* 413 beyond; --max-body */
#define MW_LIMIT_CONNECTIONS 10000        /* 503 beyond; --max-connections */
#define MW_LIMIT_HEAD_MS 5000             /* total, not inactivity */
#define MW_LIMIT_BODY_MS 30000
#define MW_LIMIT_IDLE_MS 75000
#define MW_LIMIT_WRITE_MS 30000
#define MW_LIMIT_DRAIN_SECONDS 30
#define MW_LIMIT_THREADS 256

/* requests */
#define MW_LIMIT_JSON_DEPTH 64
#define MW_LIMIT_REPLY_BYTES (256 * MW_MIB)
#define MW_LIMIT_REQUEST_ARENA_BYTES (1 * MW_GIB)
#define MW_LIMIT_REQUEST_BLOCK_BYTES (64 * MW_KIB) /* kept by each warm connection's loop */
#define MW_LIMIT_ENDPOINTS 1024
#define MW_LIMIT_NAME_BYTES 250

/* models */
#define MW_LIMIT_MODEL_FILE_BYTES (4 * MW_GIB)
#define MW_LIMIT_TREE_DEPTH 4096
#define MW_LIMIT_TREES 1000000
#define MW_LIMIT_TREE_NODES (1 << 26)
#define MW_LIMIT_FEATURES (1 << 22)
#define MW_LIMIT_OUTPUTS 65536

/* files */
#define MW_LIMIT_CONFIG_FILE_BYTES (1 * MW_MIB)
#define MW_LIMIT_MLMODEL_FILE_BYTES (8 * MW_MIB)
#define MW_LIMIT_CSV_LINE_BYTES (16 * MW_MIB)
#define MW_LIMIT_YAML_DEPTH 16
#define MW_LIMIT_YAML_ALIASES 100
#define MW_LIMIT_YAML_NODES 10000

#endif
