#!/bin/sh
# Signs the hashes of a release with an SSH key, and checks the signature at once.
#
#   scripts/sign-release.sh KEY [FOLDER]
#
# KEY is the path of a private key that OpenSSH can sign with, or of the public half of one that an agent
# or a hardware key holds. FOLDER is what `cargo xtask release` wrote.
set -eu

key=${1:?usage: scripts/sign-release.sh KEY [FOLDER]}
folder=${2:-${CARGO_TARGET_DIR:-target}/release-artifacts}
namespace=kuvert-release

cd "$(dirname "$key")" && key=$PWD/$(basename "$key") && cd "$OLDPWD"
cd "$folder"
sha256sum --check --strict SHA256SUMS
rm -f SHA256SUMS.sig
ssh-keygen -Y sign -f "$key" -n "$namespace" SHA256SUMS

# What is published has to be checkable by the public half alone.
public=$key
case $key in *.pub) ;; *) public=$key.pub ;; esac
signers=$(mktemp)
trap 'rm -f "$signers"' EXIT
printf 'releases@kuvert namespaces="%s" %s\n' "$namespace" "$(cut -d ' ' -f 1,2 "$public")" > "$signers"
ssh-keygen -Y verify -f "$signers" -I releases@kuvert -n "$namespace" -s SHA256SUMS.sig < SHA256SUMS
