# Stand-in: the chain of tasks, empty, and the logging that shell tasks call.
python base_do_unpack() {
    bb.utils.remove(d.getVar('UNPACKDIR'), recurse=True)
    bb.utils.mkdirhier(d.getVar('UNPACKDIR'))
    bb.fetch2.Fetch(d.getVar('SRC_URI').split(), d).unpack(d.getVar('UNPACKDIR'))
}
base_do_fetch() {
    :
}
base_do_configure() {
    :
}
base_do_compile() {
    :
}
base_do_install() {
    :
}
base_do_build() {
    :
}
addtask fetch
addtask unpack after do_fetch
addtask configure after do_unpack
addtask compile after do_configure
addtask install after do_compile
addtask build after do_install
do_build[noexec] = "1"
do_build() {
    :
}
EXPORT_FUNCTIONS do_fetch do_unpack do_configure do_compile do_install

bbnote() {
    echo "NOTE: $*"
}
bbwarn() {
    echo "WARNING: $*"
}
bbfatal() {
    echo "ERROR: $*"
    exit 1
}
