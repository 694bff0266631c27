/**
 * Files that hold credentials: their content never enters an index. By name what tools keep keys in, by content the
 * formats that keys and tokens are issued in.
 */
const SECRET_NAMES: readonly RegExp[] = [
  /^\.env(?:\.(?!example$|sample$|template$|dist$|defaults$).+)?$/,
  /^.+\.env$/,
  /\.(?:pem|key|p12|pfx|pkcs12|jks|keystore|kdbx|ppk|ovpn|gpg|mobileprovision)$/,
  /^id_(?:rsa|dsa|ecdsa|ed25519)(?:_sk)?$/,
  /^[._](?:netrc|npmrc|pypirc|pgpass|htpasswd|git-credentials|dockercfg|vault-token|terraformrc)$/,
  /^(?:credentials|htpasswd|master\.key|service[-_]account.*\.json|secrets?\.(?:json|ya?ml|toml|env))$/,
];

const SECRET_CONTENT: readonly RegExp[] = [
  /-----BEGIN (?:[A-Z0-9]+ ){0,3}PRIVATE KEY(?: BLOCK)?-----(?:\\[nr]|[^A-Za-z0-9/]){0,24}(?:[A-Za-z-]{1,20}: [^\n]{0,200}\n\s{0,4}){0,4}[A-Za-z0-9+/=]{32}/,
  /\b(?:AKIA|ASIA)[A-Z2-7]{16}\b/,
  /\bgh[oprsu]_[A-Za-z0-9]{36}\b/,
  /\bgithub_pat_[A-Za-z0-9]{22}_[A-Za-z0-9]{59}\b/,
  /\bglpat-[A-Za-z0-9_-]{20}\b/,
  /\bxox[abeprs]-[0-9]{8,}-[A-Za-z0-9-]{16,200}\b/,
  /\bsk-(?:ant-[a-z0-9]{3,8}-|proj-|svcacct-)[A-Za-z0-9_-]{40,200}\b/,
  /\b[rs]k_live_[A-Za-z0-9]{24,}\b/,
  /\bAIza[A-Za-z0-9_-]{35}\b/,
  /\bnpm_[A-Za-z0-9]{36}\b/,
  /\bSG\.[A-Za-z0-9_-]{22}\.[A-Za-z0-9_-]{43}\b/,
  /\bnsec1[02-9ac-hj-np-z]{58}\b/,
];

/** Whether the file's name alone says that it holds credentials. */
export function isSecretName(path: string): boolean {
  const name = path.slice(path.lastIndexOf("/") + 1).toLowerCase();
  return SECRET_NAMES.some((pattern) => pattern.test(name));
}

/** Whether the text holds a private key or a token in a known format. */
export function holdsSecret(text: string): boolean {
  return SECRET_CONTENT.some((pattern) => pattern.test(text));
}
