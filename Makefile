# Short names for the commands of this repository. CMakePresets.json and scripts/ define what they do.
.DEFAULT_GOAL := help
.PHONY: help setup build install deb archive test demo serve bench format tidy asan tsan site wheel clean

# Which preset `make build` builds.
PRESET ?= release
# Where `make install` puts it.
PREFIX ?= /usr/local

# When CI is set, as it is on build servers, warnings are errors.
CONFIGURE := $(if $(filter-out false 0,$(CI)),-DUPNEXT_WERROR=ON)

help:
	@echo 'make setup     install missing build dependencies (lists them)'
	@echo 'make build     build the binary, build/release/upnext (PRESET=dev|asan|... for others)'
	@echo 'make install   install what make build built (PREFIX=/usr/local, DESTDIR=)'
	@echo 'make deb       pack it as a Debian package in build; make archive: as an archive'
	@echo 'make test      build, then run all tests and the checks of layering and format'
	@echo 'make demo      simulate a site, train on its log and print recommendations'
	@echo 'make serve     serve the models of make demo on http://127.0.0.1:8080'
	@echo 'make bench     build and run the micro-benchmarks'
	@echo 'make format    format the C++ files with clang-format 19'
	@echo 'make tidy      compile with clang 19, thread-safety warnings and clang-tidy'
	@echo 'make asan      run the tests under the address and undefined-behaviour sanitizers'
	@echo 'make tsan      run the tests under the thread sanitizer'
	@echo 'make site      build the documentation as a site in build/site'
	@echo 'make wheel     build the Python package in dist'
	@echo 'make clean     remove build outputs, but not the unpacked dependencies'

setup:
	scripts/setup

build:
	scripts/setup
	cmake --preset $(PRESET) $(CONFIGURE)
	cmake --build --preset $(PRESET) --target upnext

# These take what was built, so that `sudo make install` compiles nothing.
install:
	DESTDIR='$(DESTDIR)' cmake --install build/$(PRESET) --component runtime --prefix '$(PREFIX)' --strip

deb archive:
	packaging/$@ build/$(PRESET) build

test:
	scripts/setup
	cmake --preset release $(CONFIGURE)
	cmake --build --preset release
	ctest --preset release --output-on-failure -j2

demo:
	scripts/setup
	cmake --preset release $(CONFIGURE)
	cmake --build --preset release --target upnext
	scripts/demo

serve:
	scripts/demo --serve

bench:
	scripts/setup --bench
	cmake --preset release -DUPNEXT_BUILD_BENCHES=ON $(CONFIGURE)
	cmake --build --preset release --target upnext_benches
	scripts/bench

format:
	scripts/check_format --fix

tidy:
	scripts/setup --tidy
	cmake --workflow --preset tidy

asan tsan:
	scripts/setup
	cmake --workflow --preset $@

site: build
	scripts/site

wheel:
	scripts/setup
	cmake --preset release $(CONFIGURE)
	cmake --build --preset release --target upnext upnext_shared
	scripts/wheel

clean:
	find build -mindepth 1 -maxdepth 1 ! -name deps -exec rm -rf {} + 2>/dev/null || true
