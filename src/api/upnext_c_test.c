/* A C program that uses the library as upnext.h shows: simulates a site, imports, trains and recommends. The folder of its
   files is its argument. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "api/upnext.h"
#include "base/arrow_c.h"

static const char kProject[] =
    "[import]\n"
    "events = \"SELECT * FROM '{data}/events.parquet'\"\n"
    "items = \"SELECT * FROM '{data}/items.parquet'\"\n"
    "[retrieval]\ndim = 8\ndepth = 0\nepochs = 1\n"
    "[ranking]\nwidths = [8]\nepochs = 1\n";

static void Fail(const char* what, const char* why) {
  fprintf(stderr, "%s: %s\n", what, why);
  exit(1);
}

static upnext_call* Run(upnext_project* project, const char* operation, const char* request) {
  upnext_call* call;
  upnext_error* error = upnext_call_start(project, operation, request, &call);
  if (error != NULL) Fail(operation, upnext_error_message(error));
  while (!upnext_call_wait(call, 100)) upnext_call_news(call);
  if (upnext_call_error(call) != NULL) {
    Fail(operation, upnext_error_message(upnext_call_error(call)));
  }
  return call;
}

int main(int argc, char** argv) {
  char text[8192], data[4096], directory[4096];
  upnext_project* project;
  upnext_call* call;
  upnext_error* error;
  struct ArrowSchema schema;
  struct ArrowArray feeds;
  size_t size;
  if (argc != 2 || upnext_abi() != UPNEXT_ABI) Fail("usage", "upnext_c_test FOLDER");
  snprintf(data, sizeof data, "%s/data", argv[1]);
  snprintf(directory, sizeof directory, "%s/project", argv[1]);
  snprintf(text, sizeof text, "{\"out\": \"%s\", \"users\": 60, \"items\": 100, \"days\": 8}",
           data);
  upnext_call_free(Run(NULL, "simulate", text));

  error = upnext_project_open("site.toml", kProject, data, directory, &project);
  if (error != NULL) Fail("open", upnext_error_message(error));
  upnext_call_free(Run(project, "import", "{}"));
  upnext_call_free(Run(project, "train", "{\"force\": true}"));
  call = Run(project, "recommend", "{\"user\": \"u00001\", \"n\": 3}");
  if (strstr(upnext_call_result(call, &size), "\"items\"") == NULL || size < 20) {
    Fail("recommend", upnext_call_result(call, NULL));
  }
  upnext_call_free(call);
  call = Run(project, "recommend", "{\"all_users\": true, \"n\": 3}");
  error = upnext_call_table(call, "feeds", &schema, &feeds);
  if (error != NULL) Fail("feeds", upnext_error_message(error));
  upnext_call_free(call);
  upnext_project_free(project);
  if (schema.n_children != 4 || feeds.length < 100) Fail("feeds", "too few");
  printf("%" PRId64 " rows of feeds\n", feeds.length);
  schema.release(&schema);
  feeds.release(&feeds);
  return 0;
}
