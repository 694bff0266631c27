/** A language the indexer knows: how its files end, its grammar, and which nodes define something. */
export interface Language {
  readonly name: string;
  readonly aliases: readonly string[];
  readonly extensions: readonly string[];
  /** The grammar's file name without `tree-sitter-` and `.wasm`; null: no grammar, only lines. */
  readonly grammar: string | null;
  /** tree-sitter patterns: the definition is captured under its kind, its name under `name`. */
  readonly query: string;
}

const SCRIPT = `
(function_declaration name: (_) @name) @function
(generator_function_declaration name: (_) @name) @function
(class_declaration name: (_) @name) @class
(method_definition name: (_) @name) @method
(variable_declarator name: (identifier) @name value: [(arrow_function) (function_expression) (class)]) @function
(pair key: (property_identifier) @name value: [(arrow_function) (function_expression)]) @method
(program (lexical_declaration (variable_declarator name: (identifier) @name) @constant))
(program (export_statement (lexical_declaration (variable_declarator name: (identifier) @name) @constant)))
`;
const TYPED = `${SCRIPT}
(function_signature name: (_) @name) @function
(abstract_class_declaration name: (_) @name) @class
(interface_declaration name: (_) @name) @interface
(type_alias_declaration name: (_) @name) @type
(enum_declaration name: (_) @name) @enum
(internal_module name: (_) @name) @module
(public_field_definition name: (_) @name value: [(arrow_function) (function_expression)]) @method
`;
const C = `
(function_definition declarator: (function_declarator declarator: (_) @name)) @function
(function_definition declarator: (pointer_declarator declarator: (function_declarator declarator: (_) @name))) @function
(struct_specifier name: (_) @name body: (_)) @struct
(union_specifier name: (_) @name body: (_)) @union
(enum_specifier name: (_) @name body: (_)) @enum
(type_definition declarator: (type_identifier) @name) @type
(preproc_function_def name: (_) @name) @macro
(preproc_def name: (_) @name) @macro
`;

export const LANGUAGES: readonly Language[] = [
  { name: "typescript", aliases: ["ts"], extensions: [".ts", ".mts", ".cts"], grammar: "typescript", query: TYPED },
  { name: "tsx", aliases: ["ts", "typescript"], extensions: [".tsx"], grammar: "tsx", query: TYPED },
  {
    name: "javascript",
    aliases: ["js", "jsx"],
    extensions: [".js", ".mjs", ".cjs", ".jsx"],
    grammar: "javascript",
    query: `${SCRIPT}\n(field_definition property: (_) @name value: [(arrow_function) (function_expression)]) @method`,
  },
  {
    name: "python",
    aliases: ["py"],
    extensions: [".py", ".pyi"],
    grammar: "python",
    query: `(class_definition name: (_) @name) @class
(class_definition body: (block (function_definition name: (_) @name) @method))
(class_definition body: (block (decorated_definition definition: (function_definition name: (_) @name)) @method))
(function_definition name: (_) @name) @function
(module (expression_statement (assignment left: (identifier) @name) @constant))`,
  },
  {
    name: "rust",
    aliases: ["rs"],
    extensions: [".rs"],
    grammar: "rust",
    query: `(function_item name: (_) @name) @function
(function_signature_item name: (_) @name) @function
(struct_item name: (_) @name) @struct
(enum_item name: (_) @name) @enum
(union_item name: (_) @name) @union
(trait_item name: (_) @name) @trait
(impl_item type: (_) @name) @impl
(mod_item name: (_) @name body: (_)) @module
(type_item name: (_) @name) @type
(const_item name: (_) @name) @constant
(static_item name: (_) @name) @constant
(macro_definition name: (_) @name) @macro`,
  },
  {
    name: "go",
    aliases: ["golang"],
    extensions: [".go"],
    grammar: "go",
    query: `(function_declaration name: (_) @name) @function
(method_declaration name: (_) @name) @method
(type_spec name: (_) @name) @type
(type_alias name: (_) @name) @type
(const_spec name: (identifier) @name) @constant`,
  },
  {
    name: "java",
    aliases: [],
    extensions: [".java"],
    grammar: "java",
    query: `(class_declaration name: (_) @name) @class
(record_declaration name: (_) @name) @class
(interface_declaration name: (_) @name) @interface
(enum_declaration name: (_) @name) @enum
(annotation_type_declaration name: (_) @name) @interface
(constructor_declaration name: (_) @name) @method
(method_declaration name: (_) @name) @method`,
  },
  { name: "c", aliases: [], extensions: [".c", ".h"], grammar: "c", query: C },
  {
    name: "cpp",
    aliases: ["c++", "cc", "cxx"],
    extensions: [".cc", ".cpp", ".cxx", ".hpp", ".hh", ".hxx", ".mm"],
    grammar: "cpp",
    query: `${C}
(class_specifier name: (_) @name body: (_)) @class
(namespace_definition name: (_) @name) @namespace
(alias_declaration name: (_) @name) @type`,
  },
  {
    name: "csharp",
    aliases: ["c#", "cs"],
    extensions: [".cs"],
    grammar: "c_sharp",
    query: `(class_declaration name: (_) @name) @class
(struct_declaration name: (_) @name) @struct
(record_declaration name: (_) @name) @class
(interface_declaration name: (_) @name) @interface
(enum_declaration name: (_) @name) @enum
(method_declaration name: (_) @name) @method
(constructor_declaration name: (_) @name) @method
(property_declaration name: (_) @name) @property`,
  },
  {
    name: "swift",
    aliases: [],
    extensions: [".swift"],
    grammar: "swift",
    query: `(class_declaration name: (_) @name) @class
(protocol_declaration name: (_) @name) @protocol
(function_declaration name: (_) @name) @function
(protocol_function_declaration name: (_) @name) @function
(typealias_declaration name: (_) @name) @type
(init_declaration "init" @name) @method`,
  },
  {
    name: "ruby",
    aliases: ["rb"],
    extensions: [".rb", ".rake", ".gemspec"],
    grammar: "ruby",
    query: `(class name: (_) @name) @class
(module name: (_) @name) @module
(method name: (_) @name) @method
(singleton_method name: (_) @name) @method`,
  },
  {
    name: "php",
    aliases: [],
    extensions: [".php"],
    grammar: "php",
    query: `(class_declaration name: (_) @name) @class
(interface_declaration name: (_) @name) @interface
(trait_declaration name: (_) @name) @trait
(enum_declaration name: (_) @name) @enum
(function_definition name: (_) @name) @function
(method_declaration name: (_) @name) @method`,
  },
  {
    name: "dart",
    aliases: [],
    extensions: [".dart"],
    grammar: "dart",
    query: `(class_definition name: (_) @name) @class
(enum_declaration name: (_) @name) @enum
(function_signature name: (_) @name) @function`,
  },
  {
    name: "solidity",
    aliases: ["sol"],
    extensions: [".sol"],
    grammar: "solidity",
    query: `(contract_declaration name: (_) @name) @class
(interface_declaration name: (_) @name) @interface
(library_declaration name: (_) @name) @module
(struct_declaration name: (_) @name) @struct
(function_definition name: (_) @name) @function`,
  },
  { name: "shell", aliases: ["bash", "sh", "zsh"], extensions: [".sh", ".bash", ".zsh"], grammar: null, query: "" },
  { name: "markdown", aliases: ["md"], extensions: [".md", ".mdx", ".markdown"], grammar: null, query: "" },
];

/** The language of a file by its name; undefined: plain text. */
export function languageOf(path: string): Language | undefined {
  const lower = path.toLowerCase();
  return LANGUAGES.find(({ extensions }) => extensions.some((extension) => lower.endsWith(extension)));
}

/** The file endings that names such as `swift`, `ts` or `.json` stand for; an unknown name is itself an ending. */
export function extensionsOf(names: readonly string[]): readonly string[] {
  return names.flatMap((name) => {
    const wanted = name.toLowerCase().replace(/^\./, "");
    const known = LANGUAGES.filter((language) => language.name === wanted || language.aliases.includes(wanted));
    return known.length > 0 ? known.flatMap(({ extensions }) => extensions) : [`.${wanted}`];
  });
}
