/* upnext as a C library: libupnext.so. C99 and C++.

     upnext_project *project;
     upnext_call *call;
     upnext_error *error = upnext_project_open("shop.toml", NULL, NULL, NULL, &project);
     if (error == NULL) error = upnext_call_start(project, "recommend", "{\"user\": \"u7\", \"n\": 20}", &call);
     if (error != NULL) { puts(upnext_error_message(error)); upnext_error_free(error); return 1; }
     while (!upnext_call_wait(call, 100)) puts(upnext_call_news(call));
     if (upnext_call_error(call) == NULL) puts(upnext_call_result(call, NULL));
     upnext_call_free(call);
     upnext_project_free(project);

   Requests and results are JSON objects in UTF-8. The keys of a request are those that upnext_operations() lists;
   results are what the verb of the same name prints with --json. Tables enter and leave through the Arrow C data
   interface (arrow_c.h).

   Functions that can fail return an upnext_error, or NULL; what they write through a pointer is then untouched. Free
   functions accept NULL. Any number of threads may use a project; one thread at a time uses a call, but for
   upnext_call_stop. Calls that write to a project exclude each other by its lock file, as processes do.

   In a process that was forked from one that used the library, functions fail with UPNEXT_FAILED_PRECONDITION and free
   nothing. */
#ifndef UPNEXT_H_
#define UPNEXT_H_

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Grows when a function of this header changes its meaning or goes away. */
#define UPNEXT_ABI 1

#ifndef UPNEXT_API
#define UPNEXT_API __attribute__((visibility("default")))
#endif

struct ArrowSchema;
struct ArrowArray;
struct ArrowArrayStream;

/* The numbers of gRPC. */
enum upnext_code {
  UPNEXT_OK = 0,
  UPNEXT_CANCELLED = 1,           /* the caller asked to stop */
  UPNEXT_INVALID_ARGUMENT = 3,    /* wrong in any state of the system: fix the input */
  UPNEXT_NOT_FOUND = 5,           /* the named thing does not exist */
  UPNEXT_ALREADY_EXISTS = 6,      /* the named thing exists already */
  UPNEXT_PERMISSION_DENIED = 7,   /* the operating system refused */
  UPNEXT_RESOURCE_EXHAUSTED = 8,  /* disk, memory or a stated budget */
  UPNEXT_FAILED_PRECONDITION = 9, /* valid input at the wrong time, e.g. train before import */
  UPNEXT_ABORTED = 10,            /* lost a race with another process */
  UPNEXT_INTERNAL = 13,           /* a bug or a library failure */
  UPNEXT_UNAVAILABLE = 14,        /* try again later */
  UPNEXT_DATA_LOSS = 15           /* stored bytes differ from what was written */
};

UPNEXT_API int upnext_abi(void);             /* UPNEXT_ABI of the library */
UPNEXT_API const char *upnext_version(void); /* "0.1.0" */

typedef struct upnext_error upnext_error;
UPNEXT_API int upnext_error_code(const upnext_error *error); /* UPNEXT_OK for NULL */
UPNEXT_API const char *upnext_error_message(const upnext_error *error);
UPNEXT_API void upnext_error_free(upnext_error *error);

/* A project: what `-c FILE` names on the command line. Any number of them in one process. */
typedef struct upnext_project upnext_project;
/* `toml`: the text of the project file; `file` is then its name in messages, and relative paths start from its folder.
   NULL: `file` is read. `data`, `directory`: as --data and --project-dir; NULL for what the file says. */
UPNEXT_API upnext_error *upnext_project_open(const char *file, const char *toml, const char *data,
                                             const char *directory, upnext_project **out);
/* Waits for its calls. */
UPNEXT_API void upnext_project_free(upnext_project *project);
/* Closes bundle and store, which feeds keep open between calls, so that a server can open the store. Waits for feeds
   that are being made; the next feed opens them again. */
UPNEXT_API upnext_error *upnext_project_release(upnext_project *project);
/* Gives the SELECTs of the next "import" call a table of this name, in place of an earlier one. The library takes the
   stream over, also on error, reads it before it returns, and releases what it got after that import, or when the call
   is refused. Values are not copied. NULL for the stream takes a table back that waits. */
UPNEXT_API upnext_error *upnext_project_add_table(upnext_project *project, const char *name,
                                                  struct ArrowArrayStream *stream);

/* A call runs in a thread of the library, which gets no signals. Poll it. */
typedef struct upnext_call upnext_call;
/* `operation`: one of upnext_operations(). `project`: NULL for those that need none. */
UPNEXT_API upnext_error *upnext_call_start(upnext_project *project, const char *operation,
                                           const char *request, upnext_call **out);
/* Waits for the end or for news, at most so many milliseconds; below 0: as long as it takes. Returns 1 when the call has
   ended. */
UPNEXT_API int upnext_call_wait(upnext_call *call, int timeout_ms);
/* What happened since the last time, valid until the next:
   {"stages": [{"stage", "unit", "total", "done", "note", "ended"}], "notes": ["line"]}
   Stages are those that changed, oldest first; a total of 0 is unknown. */
UPNEXT_API const char *upnext_call_news(upnext_call *call);
/* Asks it to stop; it then ends soon, with UPNEXT_CANCELLED unless it was done. From any thread. */
UPNEXT_API void upnext_call_stop(upnext_call *call);
/* These three wait for the end. Error and result belong to the call; do not free them. */
UPNEXT_API const upnext_error *upnext_call_error(upnext_call *call); /* NULL: it succeeded */
/* JSON, "" after an error; `size` may be NULL. */
UPNEXT_API const char *upnext_call_result(upnext_call *call, size_t *size);
/* Gives a table of the result, as a struct of its columns, which is a record batch; each time one of its own, of the same
   memory, which stays valid when call and project are freed. UPNEXT_NOT_FOUND when the result has none of this name. */
UPNEXT_API upnext_error *upnext_call_table(upnext_call *call, const char *name,
                                           struct ArrowSchema *schema, struct ArrowArray *array);
/* Stops it and waits. */
UPNEXT_API void upnext_call_free(upnext_call *call);

/* For a caller whose own code cannot be what releases Arrow data, because receivers may free it at any moment and on any
   thread: an interpreter in which an exception is under way, or which has ended. */
/* Gives `array` and those below it, which lie in memory of the caller, the `release` that they lack. `*in_use` is from
   then on the number of these structs that are not released; it and the memory must stay until it is 0. */
UPNEXT_API upnext_error *upnext_arrow_lend(struct ArrowArray *array, int64_t *in_use);
/* Makes a stream whose only batch is `array`. It takes the array over, unless an argument is NULL, and copies the
   schema, without metadata. */
UPNEXT_API upnext_error *upnext_arrow_stream(const struct ArrowSchema *schema,
                                             struct ArrowArray *array,
                                             struct ArrowArrayStream *out);

/* [{"name", "summary", "project", "keys": [{"name", "type", "help", "min", "max", "choices"}], "tables"}]. Types of keys:
   text, whole, number, flag, texts (a list), values (an object), events (a list of texts or objects). */
UPNEXT_API const char *upnext_operations(void);

#ifdef __cplusplus
} /* extern "C" */
#endif

#endif /* UPNEXT_H_ */
