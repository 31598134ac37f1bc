// The file system under a RocksDB database, which stops at the first failed write: from then on
// nothing that the database writes, renames or deletes reaches the disk, and all of it seems to
// succeed. The files are then those that a crash at that moment would have left, from which RocksDB
// recovers when they are opened again. The database that failed can be read and closed meanwhile;
// with the errors themselves RocksDB, as Debian compiles it, would abort the process at the close.
//
//   auto files = std::make_shared<FreezingFileSystem>([] { ... });   once, at the first failure
//   options.env = rocksdb::NewCompositeEnv(files).get();
//   if (files->frozen()) ... files->failure()
//
// Any number of threads. `on_freeze` runs on whichever thread failed, with RocksDB's locks held.
#ifndef UPNEXT_STORE_FREEZING_FILE_SYSTEM_H_
#define UPNEXT_STORE_FREEZING_FILE_SYSTEM_H_

#include <rocksdb/file_system.h>

#include <atomic>
#include <functional>
#include <memory>
#include <string>

#include "base/mutex.h"

namespace upnext::store {

class FreezingFileSystem : public rocksdb::FileSystemWrapper {
 public:
  using IOStatus = rocksdb::IOStatus;
  using IOOptions = rocksdb::IOOptions;
  using Context = rocksdb::IODebugContext;

  explicit FreezingFileSystem(std::function<void()> on_freeze)
      : FileSystemWrapper(rocksdb::FileSystem::Default()), on_freeze_(std::move(on_freeze)) {}
  const char* Name() const override { return "upnext.freezing"; }

  bool frozen() const { return frozen_.load(std::memory_order_acquire); }
  rocksdb::Status failure() const;  // the first one; ok while not frozen
  void Freeze(const rocksdb::Status& why);

  // Runs a change to the disk unless frozen, and freezes when it fails.
  template <typename F>
  IOStatus Change(F&& change) {
    if (frozen()) return IOStatus::OK();
    const IOStatus done = change();
    if (!done.ok()) Freeze(done);
    return IOStatus::OK();
  }

  IOStatus NewWritableFile(const std::string& name, const rocksdb::FileOptions& options,
                           std::unique_ptr<rocksdb::FSWritableFile>* file,
                           Context* context) override;
  IOStatus ReopenWritableFile(const std::string& name, const rocksdb::FileOptions& options,
                              std::unique_ptr<rocksdb::FSWritableFile>* file,
                              Context* context) override;
  IOStatus ReuseWritableFile(const std::string& name, const std::string& old_name,
                             const rocksdb::FileOptions& options,
                             std::unique_ptr<rocksdb::FSWritableFile>* file,
                             Context* context) override;
  IOStatus NewDirectory(const std::string& name, const IOOptions& options,
                        std::unique_ptr<rocksdb::FSDirectory>* directory,
                        Context* context) override;
  IOStatus RenameFile(const std::string& from, const std::string& to, const IOOptions& options,
                      Context* context) override;
  IOStatus LinkFile(const std::string& from, const std::string& to, const IOOptions& options,
                    Context* context) override;
  IOStatus Truncate(const std::string& name, size_t size, const IOOptions& options,
                    Context* context) override;
  // A file that cannot be deleted is no failed write.
  IOStatus DeleteFile(const std::string& name, const IOOptions& options, Context* context) override;
  // The store's own lock holds the folder, and outlives a database that is opened again.
  IOStatus LockFile(const std::string& name, const IOOptions& options, rocksdb::FileLock** lock,
                    Context* context) override;
  IOStatus UnlockFile(rocksdb::FileLock* lock, const IOOptions& options, Context* context) override;

 private:
  const std::function<void()> on_freeze_;
  std::atomic<bool> frozen_{false};
  mutable base::Mutex mutex_;
  rocksdb::Status failure_ UPNEXT_GUARDED_BY(mutex_);
};

}  // namespace upnext::store

#endif  // UPNEXT_STORE_FREEZING_FILE_SYSTEM_H_
