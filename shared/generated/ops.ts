// Generated from schemas/ by `npm run codegen`. Do not edit.
import type { OpDefinition } from "./types.ts";
/** Every op by name, as its schema file declares it. */
export const OPS: Readonly<Record<OpName, OpDefinition>> = {
  "code.run": {
    "op": "code.run",
    "title": "CodeRun",
    "description": "Runs a program that the upgrade brings with it, in a sandbox with the folders it names and nothing else.",
    "params": {
      "type": "object",
      "required": [
        "url",
        "sha256",
        "bytes"
      ],
      "additionalProperties": false,
      "properties": {
        "kind": {
          "enum": [
            "wasi",
            "macos_plugin"
          ],
          "default": "wasi",
          "description": "A WebAssembly module for WASI preview 1, or a program for macOS that Apple has notarized."
        },
        "url": {
          "type": "string",
          "pattern": "^https?://",
          "maxLength": 2000,
          "description": "Where it is fetched from, once; the same as in the manifest's artifacts."
        },
        "sha256": {
          "type": "string",
          "pattern": "^[0-9a-f]{64}$"
        },
        "bytes": {
          "type": "integer",
          "minimum": 1,
          "maximum": 67108864
        },
        "args": {
          "type": "array",
          "maxItems": 64,
          "items": {
            "type": "string",
            "maxLength": 4096
          }
        },
        "stdin": {
          "type": "string",
          "maxLength": 1000000
        },
        "read": {
          "type": "array",
          "maxItems": 16,
          "items": {
            "type": "string",
            "minLength": 1,
            "maxLength": 4096
          },
          "description": "Folders it may read; the module sees them as /read/0, /read/1 and so on."
        },
        "write": {
          "type": "array",
          "maxItems": 16,
          "items": {
            "type": "string",
            "minLength": 1,
            "maxLength": 4096
          },
          "description": "Folders it may read and write, which are there already: /write/0, /write/1 and so on."
        },
        "memory_mb": {
          "type": "integer",
          "minimum": 1,
          "maximum": 4096,
          "default": 256,
          "description": "The most memory the module may have."
        },
        "max_output_bytes": {
          "type": "integer",
          "minimum": 0,
          "maximum": 200000,
          "default": 100000
        }
      }
    },
    "result": {
      "type": "object",
      "required": [
        "stdout",
        "stderr",
        "duration_ms"
      ],
      "additionalProperties": false,
      "properties": {
        "stdout": {
          "type": "string"
        },
        "stderr": {
          "type": "string"
        },
        "duration_ms": {
          "type": "integer",
          "minimum": 0
        }
      }
    },
    "permissions": [
      {
        "kind": "process:spawn",
        "param": "url",
        "as": "value"
      },
      {
        "kind": "network:egress",
        "param": "url",
        "as": "url"
      },
      {
        "kind": "filesystem:read",
        "param": "read",
        "as": "tree"
      },
      {
        "kind": "filesystem:read",
        "param": "write",
        "as": "tree"
      },
      {
        "kind": "filesystem:write",
        "param": "write",
        "as": "tree"
      }
    ],
    "effect": {
      "class": "local_write"
    },
    "sandboxed": true,
    "retry": {
      "max_attempts": 1,
      "backoff_ms": 0
    },
    "timeout_ms": 600000
  },
  "fs.read": {
    "op": "fs.read",
    "title": "FsRead",
    "description": "Reads one file.",
    "params": {
      "type": "object",
      "required": [
        "path"
      ],
      "additionalProperties": false,
      "properties": {
        "path": {
          "type": "string",
          "minLength": 1,
          "maxLength": 4096
        },
        "max_bytes": {
          "type": "integer",
          "minimum": 1,
          "maximum": 67108864,
          "default": 200000
        },
        "encoding": {
          "enum": [
            "utf8",
            "base64"
          ],
          "default": "utf8"
        },
        "if_missing": {
          "type": "string",
          "maxLength": 200000,
          "description": "The content where there is no such file, as on a first run; absent: that fails."
        }
      }
    },
    "result": {
      "type": "object",
      "required": [
        "content",
        "bytes",
        "sha256"
      ],
      "additionalProperties": false,
      "properties": {
        "content": {
          "type": "string"
        },
        "bytes": {
          "type": "integer"
        },
        "sha256": {
          "type": "string",
          "pattern": "^[0-9a-f]{64}$"
        }
      }
    },
    "permissions": [
      {
        "kind": "filesystem:read",
        "param": "path",
        "as": "path"
      }
    ],
    "effect": {
      "class": "read"
    },
    "retry": {
      "max_attempts": 2,
      "backoff_ms": 500
    },
    "timeout_ms": 60000
  },
  "fs.write": {
    "op": "fs.write",
    "title": "FsWrite",
    "description": "Writes one file, whole or not at all.",
    "params": {
      "type": "object",
      "required": [
        "path",
        "content"
      ],
      "additionalProperties": false,
      "properties": {
        "path": {
          "type": "string",
          "minLength": 1,
          "maxLength": 4096
        },
        "content": {
          "type": [
            "string",
            "number",
            "boolean",
            "null",
            "array",
            "object"
          ],
          "description": "Text as it is; any other value is written as indented JSON."
        }
      }
    },
    "result": {
      "type": "object",
      "required": [
        "path",
        "bytes",
        "sha256"
      ],
      "additionalProperties": false,
      "properties": {
        "path": {
          "type": "string",
          "description": "As the parameter named it."
        },
        "bytes": {
          "type": "integer"
        },
        "sha256": {
          "type": "string",
          "pattern": "^[0-9a-f]{64}$"
        }
      }
    },
    "permissions": [
      {
        "kind": "filesystem:write",
        "param": "path",
        "as": "path"
      }
    ],
    "effect": {
      "class": "local_write"
    },
    "retry": {
      "max_attempts": 3,
      "backoff_ms": 1000
    },
    "timeout_ms": 60000
  },
  "git.clone": {
    "op": "git.clone",
    "title": "GitClone",
    "description": "Clones a git repository into a folder, or brings an earlier clone of it up to date.",
    "params": {
      "type": "object",
      "required": [
        "repo",
        "dest"
      ],
      "additionalProperties": false,
      "properties": {
        "repo": {
          "type": "string",
          "minLength": 1,
          "maxLength": 2048,
          "description": "An https:// address, or the absolute path of a repository on this machine."
        },
        "dest": {
          "type": "string",
          "minLength": 1,
          "maxLength": 4096,
          "description": "The folder of the clone."
        },
        "update": {
          "type": "boolean",
          "default": true,
          "description": "Whether a clone that is already there is brought up to date; if not, it is left as it is."
        },
        "ref": {
          "type": "string",
          "pattern": "^[A-Za-z0-9_][A-Za-z0-9._/+-]*$",
          "maxLength": 255,
          "description": "A branch, a tag or a full commit id; the repository's default branch where absent."
        },
        "depth": {
          "type": "integer",
          "minimum": 1,
          "maximum": 1000000,
          "description": "Commits of history to fetch; all where absent."
        },
        "submodules": {
          "type": "array",
          "minItems": 1,
          "maxItems": 32,
          "uniqueItems": true,
          "items": {
            "type": "string",
            "minLength": 1,
            "maxLength": 2048
          },
          "description": "Where the submodules are that are brought along, those of submodules too: each as repo is written. No other is followed; its folder stays empty."
        }
      }
    },
    "result": {
      "type": "object",
      "required": [
        "path",
        "commit",
        "branch",
        "updated"
      ],
      "additionalProperties": false,
      "properties": {
        "path": {
          "type": "string",
          "description": "The folder, as dest named it."
        },
        "commit": {
          "type": "string",
          "pattern": "^[0-9a-f]{40}([0-9a-f]{24})?$"
        },
        "branch": {
          "type": [
            "string",
            "null"
          ],
          "description": "null for a tag or a commit."
        },
        "updated": {
          "type": "boolean",
          "description": "Whether the folder's content changed."
        },
        "submodules": {
          "type": "array",
          "maxItems": 64,
          "items": {
            "type": "object",
            "required": [
              "path",
              "repo",
              "commit"
            ],
            "additionalProperties": false,
            "properties": {
              "path": {
                "type": "string",
                "description": "The folder, as dest named it."
              },
              "repo": {
                "type": "string"
              },
              "commit": {
                "type": "string",
                "pattern": "^[0-9a-f]{40}([0-9a-f]{24})?$"
              }
            }
          },
          "description": "What was brought along; absent where nothing was asked for."
        }
      }
    },
    "permissions": [
      {
        "kind": "network:egress",
        "param": "repo",
        "as": "git_source"
      },
      {
        "kind": "network:egress",
        "param": "submodules",
        "as": "git_source"
      },
      {
        "kind": "filesystem:write",
        "param": "dest",
        "as": "tree"
      }
    ],
    "effect": {
      "class": "local_write"
    },
    "sandboxed": true,
    "retry": {
      "max_attempts": 3,
      "backoff_ms": 2000
    },
    "timeout_ms": 900000
  },
  "http.request": {
    "op": "http.request",
    "title": "HttpRequest",
    "description": "Makes one HTTP request to a host the owner has allowed.",
    "params": {
      "type": "object",
      "required": [
        "url"
      ],
      "additionalProperties": false,
      "properties": {
        "url": {
          "type": "string",
          "pattern": "^https?://",
          "maxLength": 8192,
          "x-secret": true,
          "description": "A secret may stand in its path or query, never in its host."
        },
        "method": {
          "enum": [
            "GET",
            "HEAD",
            "POST",
            "PUT",
            "PATCH",
            "DELETE"
          ],
          "default": "GET",
          "description": "GET and HEAD read; the others change something out there and carry an Idempotency-Key."
        },
        "headers": {
          "type": "object",
          "maxProperties": 64,
          "propertyNames": {
            "pattern": "^[A-Za-z0-9!#$%&'*+.^_`|~-]+$"
          },
          "additionalProperties": {
            "type": "string",
            "maxLength": 8192,
            "x-secret": true
          }
        },
        "body": {
          "type": [
            "string",
            "number",
            "boolean",
            "null",
            "array",
            "object"
          ],
          "description": "Text as it is; any other value is sent as JSON."
        },
        "expect_status": {
          "type": "array",
          "minItems": 1,
          "maxItems": 32,
          "items": {
            "type": "integer",
            "minimum": 100,
            "maximum": 599
          },
          "description": "The step fails on any other status; 200 to 299 where absent."
        },
        "max_bytes": {
          "type": "integer",
          "minimum": 1,
          "maximum": 67108864,
          "default": 200000
        }
      }
    },
    "result": {
      "type": "object",
      "required": [
        "status",
        "url",
        "headers",
        "body",
        "encoding",
        "bytes"
      ],
      "additionalProperties": false,
      "properties": {
        "status": {
          "type": "integer"
        },
        "url": {
          "type": "string",
          "description": "Where the answer came from, after redirects."
        },
        "headers": {
          "type": "object",
          "additionalProperties": {
            "type": "string"
          },
          "description": "Names in lower case."
        },
        "body": {
          "type": "string"
        },
        "encoding": {
          "enum": [
            "utf8",
            "base64"
          ],
          "description": "How body holds the bytes: base64 where they are not text."
        },
        "json": {
          "type": [
            "string",
            "number",
            "boolean",
            "null",
            "array",
            "object"
          ],
          "description": "The parsed body, where the answer says it is JSON and it is valid and exact."
        },
        "bytes": {
          "type": "integer"
        }
      }
    },
    "permissions": [
      {
        "kind": "network:egress",
        "param": "url",
        "as": "url"
      }
    ],
    "effect": {
      "class": "external_write",
      "unless": {
        "param": "method",
        "in": [
          "GET",
          "HEAD"
        ],
        "class": "read"
      }
    },
    "retry": {
      "max_attempts": 3,
      "backoff_ms": 2000
    },
    "timeout_ms": 60000
  },
  "model.embed": {
    "op": "model.embed",
    "title": "ModelEmbed",
    "description": "Turns an index's passages, or given texts, into vectors with a model on this machine.",
    "params": {
      "type": "object",
      "required": [
        "backend"
      ],
      "additionalProperties": false,
      "properties": {
        "backend": {
          "enum": [
            "lexical-v1",
            "llama.cpp",
            "ollama",
            "mlx",
            "foundation_models"
          ]
        },
        "index": {
          "type": "string",
          "pattern": "^[a-z0-9][a-z0-9._-]{0,63}$",
          "description": "Embed this index's passages that have no vector yet."
        },
        "texts": {
          "type": "array",
          "maxItems": 1000,
          "items": {
            "type": "string",
            "maxLength": 100000
          },
          "description": "Embed these and return their vectors."
        },
        "dim": {
          "type": "integer",
          "minimum": 1,
          "maximum": 16384,
          "description": "The vectors' length. A model has one length; lexical-v1 takes any up to 2048."
        }
      },
      "oneOf": [
        {
          "properties": {
            "index": {
              "type": "string"
            }
          },
          "required": [
            "index"
          ]
        },
        {
          "properties": {
            "texts": {
              "type": "array"
            }
          },
          "required": [
            "texts"
          ]
        }
      ]
    },
    "result": {
      "type": "object",
      "required": [
        "embedded",
        "total",
        "dim",
        "model"
      ],
      "additionalProperties": false,
      "properties": {
        "embedded": {
          "type": "integer",
          "minimum": 0,
          "description": "Vectors made now."
        },
        "total": {
          "type": "integer",
          "minimum": 0,
          "description": "Vectors there are."
        },
        "dim": {
          "type": "integer",
          "minimum": 0
        },
        "model": {
          "type": "string"
        },
        "vectors": {
          "type": "array",
          "items": {
            "type": "array",
            "items": {
              "type": "number"
            }
          },
          "description": "Of length 1 each, in the order of texts; absent for an index."
        }
      }
    },
    "permissions": [],
    "effect": {
      "class": "read"
    },
    "retry": {
      "max_attempts": 3,
      "backoff_ms": 2000
    },
    "timeout_ms": 3600000
  },
  "model.generate": {
    "op": "model.generate",
    "title": "ModelGenerate",
    "description": "Asks a language model on this machine for text.",
    "params": {
      "type": "object",
      "required": [
        "backend",
        "prompt",
        "max_tokens"
      ],
      "additionalProperties": false,
      "properties": {
        "backend": {
          "enum": [
            "llama.cpp",
            "ollama",
            "mlx",
            "foundation_models"
          ]
        },
        "prompt": {
          "type": "string",
          "minLength": 1,
          "maxLength": 400000
        },
        "max_tokens": {
          "type": "integer",
          "minimum": 1,
          "maximum": 32768
        },
        "temperature": {
          "type": "number",
          "minimum": 0,
          "maximum": 2
        },
        "model": {
          "type": "string",
          "minLength": 1,
          "maxLength": 200,
          "description": "A hint: which model of a server to use instead of the configured one."
        }
      }
    },
    "result": {
      "type": "object",
      "required": [
        "text",
        "model"
      ],
      "additionalProperties": false,
      "properties": {
        "text": {
          "type": "string"
        },
        "tokens_in": {
          "type": "integer",
          "minimum": 0
        },
        "tokens_out": {
          "type": "integer",
          "minimum": 0
        },
        "model": {
          "type": "string",
          "description": "The model that answered."
        }
      }
    },
    "permissions": [],
    "effect": {
      "class": "read"
    },
    "retry": {
      "max_attempts": 3,
      "backoff_ms": 2000
    },
    "timeout_ms": 600000
  },
  "nostr.publish": {
    "op": "nostr.publish",
    "title": "NostrPublish",
    "description": "Publishes one Nostr event, signed by this worker's key, to the relays its owner chose.",
    "params": {
      "type": "object",
      "required": [
        "kind",
        "content"
      ],
      "additionalProperties": false,
      "properties": {
        "kind": {
          "type": "integer",
          "minimum": 0,
          "maximum": 65535
        },
        "content": {
          "type": "string",
          "maxLength": 131072
        },
        "tags": {
          "type": "array",
          "maxItems": 2000,
          "items": {
            "type": "array",
            "minItems": 1,
            "maxItems": 64,
            "items": {
              "type": "string",
              "maxLength": 4096
            }
          },
          "default": []
        },
        "relays": {
          "type": "array",
          "minItems": 1,
          "maxItems": 32,
          "items": {
            "type": "string",
            "pattern": "^wss?://",
            "maxLength": 2048
          },
          "description": "Some of the relays its owner chose; all of them where absent."
        }
      }
    },
    "result": {
      "type": "object",
      "required": [
        "event_id",
        "accepted",
        "refused"
      ],
      "additionalProperties": false,
      "properties": {
        "event_id": {
          "type": "string",
          "pattern": "^[0-9a-f]{64}$"
        },
        "accepted": {
          "type": "array",
          "items": {
            "type": "string"
          },
          "description": "Relays that acknowledged it."
        },
        "refused": {
          "type": "array",
          "items": {
            "type": "string"
          },
          "description": "The others, each with its reason."
        }
      }
    },
    "permissions": [
      {
        "kind": "event:publish",
        "param": "kind",
        "as": "value"
      }
    ],
    "effect": {
      "class": "external_write"
    },
    "retry": {
      "max_attempts": 3,
      "backoff_ms": 5000
    },
    "timeout_ms": 60000
  },
  "searchkit.index": {
    "op": "searchkit.index",
    "title": "SearchkitIndex",
    "description": "Brings a search index up to date with a folder of source code.",
    "params": {
      "type": "object",
      "required": [
        "path",
        "index"
      ],
      "additionalProperties": false,
      "properties": {
        "path": {
          "type": "string",
          "minLength": 1,
          "description": "The folder to index, usually a git checkout."
        },
        "index": {
          "type": "string",
          "pattern": "^[a-z0-9][a-z0-9._-]{0,63}$",
          "description": "The index's name on this worker."
        },
        "languages": {
          "type": "array",
          "maxItems": 64,
          "items": {
            "type": "string",
            "pattern": "^[A-Za-z0-9+#_.-]{1,32}$"
          },
          "description": "Index only these: a language (swift, ts, python) or a file extension. Absent or empty: every text file."
        },
        "include": {
          "type": "array",
          "maxItems": 256,
          "items": {
            "type": "string",
            "minLength": 1,
            "maxLength": 1024
          },
          "description": "Index only paths that match one of these globs, relative to path. Absent or empty: all."
        },
        "exclude": {
          "type": "array",
          "maxItems": 256,
          "items": {
            "type": "string",
            "minLength": 1,
            "maxLength": 1024
          },
          "description": "Never index paths that match one of these globs, relative to path."
        }
      }
    },
    "result": {
      "type": "object",
      "required": [
        "index",
        "files",
        "chunks",
        "symbols",
        "added",
        "changed",
        "removed",
        "skipped",
        "skipped_by_reason",
        "commit"
      ],
      "additionalProperties": false,
      "properties": {
        "index": {
          "type": "string"
        },
        "files": {
          "type": "integer",
          "minimum": 0,
          "description": "Text files in the index."
        },
        "chunks": {
          "type": "integer",
          "minimum": 0
        },
        "symbols": {
          "type": "integer",
          "minimum": 0
        },
        "added": {
          "type": "integer",
          "minimum": 0,
          "description": "Files that were not in the index before."
        },
        "changed": {
          "type": "integer",
          "minimum": 0,
          "description": "Files whose content is another than before."
        },
        "removed": {
          "type": "integer",
          "minimum": 0,
          "description": "Files that are gone or no longer wanted."
        },
        "skipped": {
          "type": "integer",
          "minimum": 0,
          "description": "Files in scope whose content is not stored."
        },
        "skipped_by_reason": {
          "type": "object",
          "required": [
            "binary",
            "secret",
            "too_large",
            "unreadable"
          ],
          "additionalProperties": false,
          "properties": {
            "binary": {
              "type": "integer",
              "minimum": 0
            },
            "secret": {
              "type": "integer",
              "minimum": 0
            },
            "too_large": {
              "type": "integer",
              "minimum": 0
            },
            "unreadable": {
              "type": "integer",
              "minimum": 0
            }
          }
        },
        "commit": {
          "type": [
            "string",
            "null"
          ],
          "description": "HEAD of the git checkout, null where there is none."
        }
      }
    },
    "permissions": [
      {
        "kind": "filesystem:read",
        "param": "path",
        "as": "tree"
      }
    ],
    "effect": {
      "class": "read"
    },
    "retry": {
      "max_attempts": 3,
      "backoff_ms": 1000
    },
    "timeout_ms": 3600000
  },
  "searchkit.query": {
    "op": "searchkit.query",
    "title": "SearchkitQuery",
    "description": "Searches an index: every line that contains the text, and the passages nearest to it.",
    "params": {
      "type": "object",
      "required": [
        "index",
        "query"
      ],
      "additionalProperties": false,
      "properties": {
        "index": {
          "type": "string",
          "pattern": "^[a-z0-9][a-z0-9._-]{0,63}$",
          "description": "The index's name on this worker."
        },
        "query": {
          "type": "string",
          "minLength": 1,
          "maxLength": 1000,
          "description": "One line: a literal string, an identifier or a question."
        },
        "limit": {
          "type": "integer",
          "minimum": 1,
          "maximum": 100,
          "default": 10,
          "description": "How many hits text shows, and how many passages may follow the exact matches."
        }
      }
    },
    "result": {
      "type": "object",
      "required": [
        "hits",
        "text",
        "exact_matches_total",
        "index"
      ],
      "additionalProperties": false,
      "properties": {
        "hits": {
          "type": "array",
          "items": {
            "$ref": "#/$defs/SearchHit"
          }
        },
        "text": {
          "type": "string",
          "description": "The best hits as text, short enough for a prompt."
        },
        "exact_matches_total": {
          "type": "integer",
          "minimum": 0,
          "description": "Lines of indexed files that contain the query, case and all."
        },
        "index": {
          "$ref": "#/$defs/SearchedIndex"
        }
      },
      "$defs": {
        "SearchHit": {
          "type": "object",
          "required": [
            "path",
            "line_start",
            "line_end",
            "symbol",
            "score",
            "reasons",
            "snippet"
          ],
          "additionalProperties": false,
          "properties": {
            "path": {
              "type": "string",
              "description": "Relative to the indexed folder."
            },
            "line_start": {
              "type": "integer",
              "minimum": 1
            },
            "line_end": {
              "type": "integer",
              "minimum": 1,
              "description": "Inclusive."
            },
            "symbol": {
              "type": [
                "string",
                "null"
              ],
              "description": "The innermost definition around line_start."
            },
            "score": {
              "type": "number"
            },
            "reasons": {
              "type": "array",
              "items": {
                "enum": [
                  "exact",
                  "symbol",
                  "bm25",
                  "vector"
                ]
              }
            },
            "exact_lines": {
              "type": "array",
              "items": {
                "type": "integer",
                "minimum": 1
              },
              "description": "The lines between line_start and line_end that contain the query."
            },
            "snippet": {
              "type": "string"
            }
          }
        },
        "SearchedIndex": {
          "type": "object",
          "required": [
            "name",
            "commit",
            "stale_files",
            "skipped_files",
            "finished_at"
          ],
          "additionalProperties": false,
          "properties": {
            "name": {
              "type": "string"
            },
            "commit": {
              "type": [
                "string",
                "null"
              ],
              "description": "HEAD when the index was made."
            },
            "stale_files": {
              "type": [
                "integer",
                "null"
              ],
              "minimum": 0,
              "description": "Files changed, added or deleted since; null where the folder could not be compared."
            },
            "skipped_files": {
              "type": "integer",
              "minimum": 0,
              "description": "Files in scope that are not searched: binary, holding secrets, too large or unreadable."
            },
            "finished_at": {
              "type": "string",
              "description": "When the index was last complete, ISO 8601 UTC."
            },
            "vectors": {
              "type": "string",
              "description": "Which embedding took part, or why none did."
            }
          }
        }
      }
    },
    "permissions": [],
    "effect": {
      "class": "read"
    },
    "retry": {
      "max_attempts": 2,
      "backoff_ms": 500
    },
    "timeout_ms": 60000
  },
  "site.build": {
    "op": "site.build",
    "title": "SiteBuild",
    "description": "Builds the static mirror of a catalog in this worker's own data folder, where the catalog has moved.",
    "params": {
      "type": "object",
      "required": [
        "edge"
      ],
      "additionalProperties": false,
      "properties": {
        "edge": {
          "type": "string",
          "pattern": "^https?://[^/?#@]+$",
          "maxLength": 300,
          "description": "The edge whose catalog is mirrored, without a path."
        },
        "url": {
          "type": "string",
          "pattern": "^https?://[^/?#@]+$",
          "maxLength": 300,
          "description": "Where the site will be served; the edge's address where absent. It is written into pages, not connected to."
        },
        "site": {
          "type": "string",
          "pattern": "^[a-z0-9][a-z0-9-]{0,63}$",
          "default": "mirror",
          "description": "The site's name on this worker: its folder is below sites/ in the worker's data folder."
        },
        "files": {
          "type": "integer",
          "minimum": 1,
          "maximum": 10000000,
          "default": 20000,
          "description": "How many files the host takes; pictures of the oldest listings are left out."
        }
      }
    },
    "result": {
      "type": "object",
      "required": [
        "built",
        "listings",
        "root",
        "created_at",
        "path"
      ],
      "additionalProperties": false,
      "properties": {
        "built": {
          "type": "boolean",
          "description": "False: the site that is there is of the same catalog."
        },
        "listings": {
          "type": "integer",
          "minimum": 0
        },
        "root": {
          "type": "string",
          "pattern": "^[0-9a-f]{64}$",
          "description": "Merkle root of the events it shows."
        },
        "created_at": {
          "type": "integer",
          "minimum": 0,
          "description": "Unix seconds that its pages are dated with."
        },
        "path": {
          "type": "string",
          "description": "The site's folder."
        }
      }
    },
    "permissions": [
      {
        "kind": "network:egress",
        "param": "edge",
        "as": "url"
      }
    ],
    "effect": {
      "class": "read"
    },
    "retry": {
      "max_attempts": 3,
      "backoff_ms": 30000
    },
    "timeout_ms": 1800000
  }
} as Readonly<Record<OpName, OpDefinition>>;
export type OpName = "code.run" | "fs.read" | "fs.write" | "git.clone" | "http.request" | "model.embed" | "model.generate" | "nostr.publish" | "searchkit.index" | "searchkit.query" | "site.build";
