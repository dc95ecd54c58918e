#!/bin/sh
# Makes an authority of your own and a certificate for one host, where you have none.
#   docker/make-certificates.sh db.example tls
# ca.crt is for every machine; ca.key signs further certificates: keep it elsewhere.
set -eu
host="$1"
folder="$2"
mkdir -p "$folder"
cd "$folder"
umask 077
openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 3650 \
    -subj "/CN=foldsweep authority" -addext "keyUsage=critical,keyCertSign,cRLSign" \
    -keyout ca.key -out ca.crt
openssl req -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes \
    -subj "/CN=$host" -keyout server.key -out server.csr
printf '%s\n' "subjectAltName=DNS:$host" "basicConstraints=CA:FALSE" \
    "keyUsage=critical,digitalSignature" "extendedKeyUsage=serverAuth" \
    "subjectKeyIdentifier=hash" "authorityKeyIdentifier=keyid" > server.ext
openssl x509 -req -in server.csr -CA ca.crt -CAkey ca.key -CAcreateserial -days 825 \
    -extfile server.ext -out server.crt
rm server.csr server.ext
chmod 644 ca.crt server.crt
