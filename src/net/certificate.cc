#include "net/certificate.h"

#include <openssl/asn1.h>
#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509.h>

#include <climits>
#include <ctime>
#include <memory>

namespace upnext::net {

Result<int64_t> CertificateEndMs(std::string_view pem) {
  if (pem.size() > INT_MAX) return InvalidArgument("expected a certificate in PEM");
  const std::unique_ptr<BIO, void (*)(BIO*)> bytes(
      BIO_new_mem_buf(pem.data(), static_cast<int>(pem.size())), BIO_free_all);
  const std::unique_ptr<X509, void (*)(X509*)> certificate(
      bytes == nullptr ? nullptr : PEM_read_bio_X509(bytes.get(), nullptr, nullptr, nullptr),
      X509_free);
  std::tm end = {};
  if (certificate == nullptr || ASN1_TIME_to_tm(X509_get0_notAfter(certificate.get()), &end) != 1) {
    ERR_clear_error();
    return InvalidArgument("expected a certificate in PEM");
  }
  return int64_t{1000} * timegm(&end);
}

}  // namespace upnext::net
