/** Files that hold credentials, by the names that tools give them: their content never enters an index. */
const SECRET_NAMES: readonly RegExp[] = [
  /^\.env(?:\.(?!example$|sample$|template$|dist$|defaults$).+)?$/,
  /^.+\.env$/,
  /\.(?:pem|key|p12|pfx|pkcs12|jks|keystore|kdbx|ppk|ovpn|gpg|mobileprovision)$/,
  /^id_(?:rsa|dsa|ecdsa|ed25519)(?:_sk)?$/,
  /^[._](?:netrc|npmrc|pypirc|pgpass|htpasswd|git-credentials|dockercfg|vault-token|terraformrc)$/,
  /^(?:credentials|htpasswd|master\.key|service[-_]account.*\.json|secrets?\.(?:json|ya?ml|toml|env))$/,
];

/** Whether the file's name alone says that it holds credentials. */
export function isSecretName(path: string): boolean {
  const name = path.slice(path.lastIndexOf("/") + 1).toLowerCase();
  return SECRET_NAMES.some((pattern) => pattern.test(name));
}
