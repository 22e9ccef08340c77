#!/bin/sh
# Keys of a development fleet, made once a build folder: an authority, whose certificate is the keyring of the images,
# a signer of bundles, and a stranger whose bundles must be refused. Never for a product: a site's keys are in a token.
#   keys.sh DIR
set -eu
dir=$1
test -e "$dir/stranger.pem" && exit 0
mkdir -p "$dir"
cd "$dir"

authority() { # NAME
    openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -noenc -days 7300 -subj "/O=Spinewatch development/CN=$1" \
        -addext basicConstraints=critical,CA:TRUE -addext keyUsage=critical,keyCertSign,cRLSign \
        -keyout "$1.key" -out "$1.pem" 2>/dev/null
}
signer() { # NAME AUTHORITY
    openssl req -new -newkey ec -pkeyopt ec_paramgen_curve:P-256 -noenc -subj "/O=Spinewatch development/CN=$1" \
        -keyout "$1.key" -out "$1.csr" 2>/dev/null
    printf 'basicConstraints=CA:FALSE\nkeyUsage=critical,digitalSignature\nextendedKeyUsage=emailProtection\n' > "$1.ext"
    openssl x509 -req -in "$1.csr" -CA "$2.pem" -CAkey "$2.key" -CAcreateserial -days 7300 -extfile "$1.ext" -out "$1.pem" 2>/dev/null
    rm "$1.csr" "$1.ext"
}

authority authority
signer signer authority
authority stranger-authority
signer stranger stranger-authority
# `rauc bundle` verifies what it has signed.
cp authority.pem keyring-of-signer.pem
cp stranger-authority.pem keyring-of-stranger.pem
