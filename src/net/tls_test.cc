#include "net/tls.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509.h>

#include <boost/asio.hpp>
#include <boost/asio/ssl.hpp>
#include <boost/beast/core.hpp>
#include <boost/beast/http.hpp>
#include <cstdlib>
#include <filesystem>
#include <thread>

#include "base/clock.h"
#include "base/file.h"
#include "base/test_folder.h"
#include "net/certificate.h"
#include "net/http_client.h"
#include "net/test_server.h"

namespace upnext::net {
namespace {

namespace asio = boost::asio;
namespace beast = boost::beast;
namespace http = beast::http;
using testing::HasSubstr;

template <typename Write>
std::string Pem(const Write& write) {
  BIO* const memory = BIO_new(BIO_s_mem());
  write(memory);
  char* bytes = nullptr;
  const long size = BIO_get_mem_data(memory, &bytes);
  std::string text(bytes, static_cast<size_t>(size));
  BIO_free(memory);
  return text;
}

// A key and a certificate that it signs itself, for `name`.
struct Identity {
  std::string certificate, key;
};
Identity MakeIdentity(const char* name) {
  EVP_PKEY* const key = EVP_EC_gen("P-256");
  X509* const certificate = X509_new();
  ASN1_INTEGER_set(X509_get_serialNumber(certificate), 1);
  X509_gmtime_adj(X509_getm_notBefore(certificate), 0);
  X509_gmtime_adj(X509_getm_notAfter(certificate), 3600);
  X509_set_pubkey(certificate, key);
  X509_NAME* const subject = X509_get_subject_name(certificate);
  X509_NAME_add_entry_by_txt(subject, "CN", MBSTRING_ASC,
                             reinterpret_cast<const unsigned char*>(name), -1, -1, 0);
  X509_set_issuer_name(certificate, subject);
  X509_sign(certificate, key, EVP_sha256());
  Identity identity{.certificate = Pem([&](BIO* to) { PEM_write_bio_X509(to, certificate); }),
                    .key = Pem([&](BIO* to) {
                      PEM_write_bio_PrivateKey(to, key, nullptr, nullptr, 0, nullptr, nullptr);
                    })};
  X509_free(certificate);
  EVP_PKEY_free(key);
  return identity;
}

TEST(Certificate, SaysWhenItEnds) {
  const int64_t now = base::SystemClock().NowMs();
  const auto end = CertificateEndMs(MakeIdentity("localhost").certificate);
  ASSERT_TRUE(end) << end.error().message;
  EXPECT_NEAR(static_cast<double>(*end - now), 3'600'000, 60'000);
  EXPECT_FALSE(CertificateEndMs("-----BEGIN CERTIFICATE-----\nAAAA\n"));
  EXPECT_FALSE(CertificateEndMs(""));
}

class TlsTest : public ServerTest {
 protected:
  void Write(const Identity& identity) {
    ASSERT_TRUE(base::WriteFileAtomic(certificate_, identity.certificate));
    ASSERT_TRUE(base::WriteFileAtomic(key_, identity.key));
  }
  ServerOptions Options() const {
    return {.certificate = certificate_.string(), .private_key = key_.string()};
  }
  // Name of the certificate and status of two requests on one connection, by a client of another library's making.
  std::string Ask(int version = 0) {
    asio::io_context io;
    asio::ssl::context context(asio::ssl::context::tls_client);
    if (version != 0) SSL_CTX_set_max_proto_version(context.native_handle(), version);
    asio::ssl::stream<asio::ip::tcp::socket> stream(io, context);
    boost::system::error_code failed;
    stream.next_layer().connect({asio::ip::address_v4::loopback(), port()}, failed);
    stream.handshake(asio::ssl::stream_base::client, failed);
    if (failed) return "no handshake";
    char name[64] = {};
    X509* const peer = SSL_get1_peer_certificate(stream.native_handle());
    X509_NAME_get_text_by_NID(X509_get_subject_name(peer), NID_commonName, name, sizeof(name));
    X509_free(peer);
    std::string said = name;
    beast::flat_buffer buffer;
    for (const bool last : {false, true}) {
      http::request<http::empty_body> request(http::verb::get, "/healthz", 11);
      request.set(http::field::host, "localhost");
      request.keep_alive(!last);
      http::write(stream, request, failed);
      http::response<http::string_body> answer;
      http::read(stream, buffer, answer, failed);
      said += failed ? " " + failed.message() : fmt::format(" {}", answer.result_int());
    }
    // The end is said by TLS as well, so that nothing can have been cut off.
    http::response<http::string_body> none;
    http::read(stream, buffer, none, failed);
    return said + (failed == http::error::end_of_stream ? " end" : " " + failed.message());
  }

  base::TestFolder folder_;
  const std::filesystem::path certificate_ = folder_.path() / "cert.pem",
                              key_ = folder_.path() / "key.pem";
};

TEST_F(TlsTest, RequestsAreAnsweredAndANewCertificateIsUsedWithoutARestart) {
  Write(MakeIdentity("first"));
  Start(Options());
  EXPECT_EQ(server_->url(), fmt::format("https://127.0.0.1:{}", port()));
  EXPECT_EQ(Ask(), "first 200 200 end");
  EXPECT_EQ(Ask(TLS1_2_VERSION), "first 200 200 end");
  EXPECT_EQ(Ask(TLS1_1_VERSION), "no handshake");
  const Identity second = MakeIdentity("second");
  ASSERT_TRUE(base::WriteFileAtomic(certificate_, second.certificate));  // not yet the key of it
  std::this_thread::sleep_for(std::chrono::milliseconds(1100));
  EXPECT_EQ(Ask(), "first 200 200 end");
  Write(second);
  std::this_thread::sleep_for(std::chrono::milliseconds(1100));
  EXPECT_EQ(Ask(), "second 200 200 end");
}

TEST_F(TlsTest, TheClientTrustsTheAuthorityOfTheEnvironmentAndTheNameOfTheHost) {
  Write(MakeIdentity("localhost"));
  Start(Options());
  const auto ask = [&](std::string_view host) {
    const auto client = HttpClient::Make(fmt::format("https://{}:{}", host, port()));
    EXPECT_TRUE(client) << client.error().message;
    const auto answer = (*client)->Get("/healthz");
    const auto again = (*client)->Get("/healthz");
    return !answer ? answer.error().message : fmt::format("{} {}", answer->status, again->status);
  };
  EXPECT_THAT(ask("localhost"), HasSubstr("certificate")) << "signed by nobody that is known";
  setenv("SSL_CERT_FILE", certificate_.c_str(), 1);
  EXPECT_EQ(ask("localhost"), "200 200");
  EXPECT_THAT(ask("127.0.0.1"), HasSubstr("certificate")) << "of another host";
  unsetenv("SSL_CERT_FILE");
}

TEST_F(TlsTest, WhoSpeaksNoTlsIsNotAnsweredAndHarmsNobody) {
  Write(MakeIdentity("first"));
  Start(Options());
  TestClient plain(port());
  EXPECT_EQ(plain.Ask(TestClient::Get("/healthz")).status, 0);
  EXPECT_EQ(Ask(), "first 200 200 end");
}

TEST_F(TlsTest, StopEndsConnectionsThatWait) {
  Write(MakeIdentity("first"));
  Start(Options());
  TestClient silent(port());  // never begins the handshake
  ASSERT_TRUE(silent.connected());
  EXPECT_EQ(Ask(), "first 200 200 end");
  const auto begin = std::chrono::steady_clock::now();
  server_->Stop();
  EXPECT_LT(std::chrono::steady_clock::now() - begin, std::chrono::seconds(5));
}

TEST_F(TlsTest, AnAddressThatOthersReachNeedsTlsAndKeys) {
  Write(MakeIdentity("first"));
  ServerOptions options = Options();
  options.address = "0.0.0.0";
  options.port = 0;
  options.keys = false;
  api_ = std::make_unique<Api>(*service_, options);
  EXPECT_THAT(HttpServer::Start(options, *api_).error().message, HasSubstr("no keys"));
  options.keys = true;
  EXPECT_TRUE(HttpServer::Start(options, *api_));
  options.certificate = "";
  EXPECT_THAT(HttpServer::Start(options, *api_).error().message, HasSubstr("no TLS"));
}

TEST_F(TlsTest, FilesThatAreNoneAreRefusedByName) {
  EXPECT_THAT(Tls::Open(certificate_, key_).error().message, HasSubstr("cert.pem"));
  const Identity one = MakeIdentity("one"), two = MakeIdentity("two");
  Write({.certificate = one.certificate, .key = "x"});
  EXPECT_THAT(Tls::Open(certificate_, key_).error().message,
              HasSubstr("key.pem: expected the private key"));
  Write({.certificate = "x", .key = one.key});
  EXPECT_THAT(Tls::Open(certificate_, key_).error().message,
              HasSubstr("cert.pem: expected a certificate"));
  Write({.certificate = one.certificate, .key = two.key});
  EXPECT_THAT(Tls::Open(certificate_, key_).error().message, HasSubstr("key.pem"));
}

}  // namespace
}  // namespace upnext::net
