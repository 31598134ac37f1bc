#include "store/freezing_file_system.h"

#include <utility>

namespace upnext::store {

using rocksdb::FileOptions;
using rocksdb::FSDirectory;
using rocksdb::FSWritableFile;
using rocksdb::IODebugContext;
using rocksdb::IOOptions;
using rocksdb::IOStatus;
using rocksdb::Slice;

namespace {

// A file that is being written; without a target once it could not be created.
class FreezableFile : public FSWritableFile {
 public:
  FreezableFile(FreezingFileSystem& files, const FileOptions& options,
                std::unique_ptr<FSWritableFile> target)
      : FSWritableFile(options), files_(files), target_(std::move(target)) {}

  IOStatus Append(const Slice& data, const IOOptions& o, IODebugContext* c) override {
    size_ += data.size();
    return Change([&] { return target_->Append(data, o, c); });
  }
  IOStatus Append(const Slice& data, const IOOptions& o, const rocksdb::DataVerificationInfo& info,
                  IODebugContext* c) override {
    size_ += data.size();
    return Change([&] { return target_->Append(data, o, info, c); });
  }
  IOStatus Truncate(uint64_t size, const IOOptions& o, IODebugContext* c) override {
    return Change([&] { return target_->Truncate(size, o, c); });
  }
  IOStatus Close(const IOOptions& o, IODebugContext* c) override {
    if (target_ == nullptr) return IOStatus::OK();
    if (!files_.frozen()) return Change([&] { return target_->Close(o, c); });
    // Gives the descriptor back. What the target still does to the file is to cut off space that
    // was allocated beyond its end.
    target_->Close(o, c).PermitUncheckedError();
    return IOStatus::OK();
  }
  IOStatus Flush(const IOOptions& o, IODebugContext* c) override {
    return Change([&] { return target_->Flush(o, c); });
  }
  IOStatus Sync(const IOOptions& o, IODebugContext* c) override {
    return Change([&] { return target_->Sync(o, c); });
  }
  IOStatus Fsync(const IOOptions& o, IODebugContext* c) override {
    return Change([&] { return target_->Fsync(o, c); });
  }
  IOStatus RangeSync(uint64_t at, uint64_t size, const IOOptions& o, IODebugContext* c) override {
    return Change([&] { return target_->RangeSync(at, size, o, c); });
  }
  void PrepareWrite(size_t at, size_t size, const IOOptions& o, IODebugContext* c) override {
    if (target_ != nullptr && !files_.frozen()) target_->PrepareWrite(at, size, o, c);
  }
  void SetPreallocationBlockSize(size_t size) override {
    if (target_ != nullptr) target_->SetPreallocationBlockSize(size);
  }
  void SetWriteLifeTimeHint(rocksdb::Env::WriteLifeTimeHint hint) override {
    if (target_ != nullptr) target_->SetWriteLifeTimeHint(hint);
  }
  bool IsSyncThreadSafe() const override { return true; }
  uint64_t GetFileSize(const IOOptions&, IODebugContext*) override { return size_; }

 private:
  template <typename F>
  IOStatus Change(F&& change) {
    return target_ == nullptr ? IOStatus::OK() : files_.Change(std::forward<F>(change));
  }

  FreezingFileSystem& files_;
  const std::unique_ptr<FSWritableFile> target_;
  uint64_t size_ = 0;
};

class FreezableDirectory : public FSDirectory {
 public:
  FreezableDirectory(FreezingFileSystem& files, std::unique_ptr<FSDirectory> target)
      : files_(files), target_(std::move(target)) {}
  IOStatus Fsync(const IOOptions& o, IODebugContext* c) override {
    return files_.Change([&] { return target_->Fsync(o, c); });
  }
  IOStatus FsyncWithDirOptions(const IOOptions& o, IODebugContext* c,
                               const rocksdb::DirFsyncOptions& how) override {
    return files_.Change([&] { return target_->FsyncWithDirOptions(o, c, how); });
  }
  IOStatus Close(const IOOptions& o, IODebugContext* c) override { return target_->Close(o, c); }

 private:
  FreezingFileSystem& files_;
  const std::unique_ptr<FSDirectory> target_;
};

struct NoLock : rocksdb::FileLock {};

// Opens a file for writing by `open(&target)`.
template <typename F>
IOStatus OpenFreezable(FreezingFileSystem& files, const FileOptions& options,
                       std::unique_ptr<FSWritableFile>* file, F&& open) {
  std::unique_ptr<FSWritableFile> target;
  (void)files.Change([&] {
    IOStatus opened = open(&target);
    if (!opened.ok()) target.reset();
    return opened;
  });
  *file = std::make_unique<FreezableFile>(files, options, std::move(target));
  return IOStatus::OK();
}

}  // namespace

rocksdb::Status FreezingFileSystem::failure() const {
  base::MutexLock lock(mutex_);
  return failure_;
}

void FreezingFileSystem::Freeze(const rocksdb::Status& why) {
  {
    base::MutexLock lock(mutex_);
    if (!failure_.ok()) return;
    failure_ = why;
    frozen_.store(true, std::memory_order_release);
  }
  on_freeze_();
}

IOStatus FreezingFileSystem::NewWritableFile(const std::string& name, const FileOptions& options,
                                             std::unique_ptr<FSWritableFile>* file, Context* c) {
  return OpenFreezable(*this, options, file, [&](std::unique_ptr<FSWritableFile>* to) {
    return target()->NewWritableFile(name, options, to, c);
  });
}

IOStatus FreezingFileSystem::ReopenWritableFile(const std::string& name, const FileOptions& options,
                                                std::unique_ptr<FSWritableFile>* file, Context* c) {
  return OpenFreezable(*this, options, file, [&](std::unique_ptr<FSWritableFile>* to) {
    return target()->ReopenWritableFile(name, options, to, c);
  });
}

IOStatus FreezingFileSystem::ReuseWritableFile(const std::string& name, const std::string& old_name,
                                               const FileOptions& options,
                                               std::unique_ptr<FSWritableFile>* file, Context* c) {
  return OpenFreezable(*this, options, file, [&](std::unique_ptr<FSWritableFile>* to) {
    return target()->ReuseWritableFile(name, old_name, options, to, c);
  });
}

IOStatus FreezingFileSystem::NewDirectory(const std::string& name, const IOOptions& options,
                                          std::unique_ptr<FSDirectory>* directory, Context* c) {
  std::unique_ptr<FSDirectory> opened;
  const IOStatus status = target()->NewDirectory(name, options, &opened, c);
  if (status.ok()) *directory = std::make_unique<FreezableDirectory>(*this, std::move(opened));
  return status;
}

IOStatus FreezingFileSystem::RenameFile(const std::string& from, const std::string& to,
                                        const IOOptions& options, Context* c) {
  return Change([&] { return target()->RenameFile(from, to, options, c); });
}

IOStatus FreezingFileSystem::LinkFile(const std::string& from, const std::string& to,
                                      const IOOptions& options, Context* c) {
  return Change([&] { return target()->LinkFile(from, to, options, c); });
}

IOStatus FreezingFileSystem::Truncate(const std::string& name, size_t size,
                                      const IOOptions& options, Context* c) {
  return Change([&] { return target()->Truncate(name, size, options, c); });
}

IOStatus FreezingFileSystem::DeleteFile(const std::string& name, const IOOptions& options,
                                        Context* c) {
  return frozen() ? IOStatus::OK() : target()->DeleteFile(name, options, c);
}

IOStatus FreezingFileSystem::LockFile(const std::string&, const IOOptions&,
                                      rocksdb::FileLock** lock, Context*) {
  *lock = new NoLock();
  return IOStatus::OK();
}

IOStatus FreezingFileSystem::UnlockFile(rocksdb::FileLock* lock, const IOOptions&, Context*) {
  delete lock;
  return IOStatus::OK();
}

}  // namespace upnext::store
