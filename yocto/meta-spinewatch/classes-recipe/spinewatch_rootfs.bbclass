# What a recipe must know of a root overlay (board/rootfs), read from the overlay itself, so that no list is kept by hand:
# its units and its accounts. All is looked up while parsing; bitbake parses anew when the overlay changes.

# The common overlay, then the board's own where it has one.
SPINEWATCH_OVERLAYS = "${SPINEWATCH_SOURCE}/board/rootfs ${@spinewatch_own_overlay(d)}"

def spinewatch_own_overlay(d):
    """The board's own overlay, or nothing."""
    own = d.expand('${SPINEWATCH_SOURCE}/board/${SPINEWATCH_BOARD}/rootfs')
    return own if os.path.isdir(own) else ''

def spinewatch_overlay_paths(d):
    """The overlays as paths below the repository: what SRC_URI fetches and do_install copies."""
    source = d.getVar('SPINEWATCH_SOURCE')
    return [os.path.relpath(root, source) for root in d.getVar('SPINEWATCH_OVERLAYS').split()]

def spinewatch_overlay(d):
    """Files of the overlay as paths from its root, sorted; every folder becomes something the parse depends on."""
    found = []
    for root in d.getVar('SPINEWATCH_OVERLAYS').split():
        for folder, _, files in sorted(os.walk(root)):
            bb.parse.mark_dependency(d, folder)
            found += [(root, os.path.relpath(os.path.join(folder, name), root)) for name in sorted(files)]
    return found

def spinewatch_lines(d, root, path):
    """Lines of one file of the overlay, without comments and empty ones."""
    full = os.path.join(root, path)
    bb.parse.mark_dependency(d, full)
    with open(full, encoding='utf-8') as text:
        return [line.strip() for line in text if line.strip() and line.strip()[0] not in '#;']

def spinewatch_units(d):
    """Units of the overlay that its presets enable."""
    files = spinewatch_overlay(d)
    own = {os.path.basename(path) for _, path in files if '/systemd/system/' in path}
    enabled = []
    for root, path in files:
        if os.path.dirname(path).endswith('systemd/system-preset'):
            enabled += [line.split()[1] for line in spinewatch_lines(d, root, path) if line.startswith('enable ')]
    return ' '.join(unit for unit in enabled if unit in own)

def spinewatch_folders(d):
    """root's folders of tmpfiles.d as `install` makes them, mount points above all: a device cannot make them any more."""
    commands = []
    for root, path in spinewatch_overlay(d):
        if os.path.basename(os.path.dirname(path)) != 'tmpfiles.d':
            continue
        for line in spinewatch_lines(d, root, path):
            kind, folder, mode, user, group = (line.split() + ['-'] * 5)[:5]
            if kind == 'd' and (user, group) == ('root', 'root') and not folder.startswith(('/run/', '/tmp/')):
                commands.append(f'install -d -m {mode} {d.getVar("D")}{folder}')
    return '; '.join(commands)

def spinewatch_accounts(d, kind):
    """sysusers.d lines of one kind as arguments of groupadd, useradd or groupmems, since a device cannot make accounts.

    `u NAME UID[:GROUP] "GECOS" HOME SHELL`, `g NAME GID`, `m USER GROUP`; - stands for none. An account with a number has
    it in every image, so that files in the data partition keep their owner over an update.
    """
    import shlex
    arguments = []
    for root, path in spinewatch_overlay(d):
        if os.path.basename(os.path.dirname(path)) != 'sysusers.d':
            continue
        for line in spinewatch_lines(d, root, path):
            word, name, number, gecos, home, shell = (shlex.split(line) + ['-'] * 5)[:6]
            if word[0] != kind:
                continue
            if kind == 'm':
                arguments.append(f'-a {name} -g {number}')
            elif kind == 'g':
                arguments.append('--system ' + ('' if number == '-' else f'--gid {number} ') + name)
            else:
                number, _, group = number.partition(':')
                options = ['--system', '--no-create-home', f'--home-dir {"/" if home == "-" else home}']
                options.append(f'--shell {d.getVar("sbindir") + "/nologin" if shell == "-" else shell}')
                options += [] if number == '-' else [f'--uid {number}']
                options += [f'--gid {group}'] if group else ['--user-group']
                options += [] if gecos == '-' else [f"--comment '{gecos}'"]
                arguments.append(' '.join(options + [name]))
    return '; '.join(arguments)
