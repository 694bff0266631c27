// Generated from schemas/ by `npm run codegen`. Do not edit.
import type { OpDefinition } from "./types.ts";
/** Every op by name, as its schema file declares it. */
export const OPS: Readonly<Record<OpName, OpDefinition>> = {
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
          "minItems": 1,
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
              "minItems": 1,
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
  }
} as Readonly<Record<OpName, OpDefinition>>;
export type OpName = "model.embed" | "model.generate" | "searchkit.index" | "searchkit.query";
