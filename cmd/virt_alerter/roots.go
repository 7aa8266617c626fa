package main

// The certificate authorities that browsers trust, for where the machine has none: an
// image of this program alone. Those of the machine, or in $SSL_CERT_FILE and
// $SSL_CERT_DIR, are taken instead where there are any.
import _ "golang.org/x/crypto/x509roots/fallback"
