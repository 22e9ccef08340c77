# Stand-in: what the real one refuses while parsing.
python __anonymous() {
    for package in d.getVar('USERADD_PACKAGES').split():
        if not any(d.getVar(f'{kind}:{package}') for kind in ('USERADD_PARAM', 'GROUPADD_PARAM', 'GROUPMEMS_PARAM')):
            bb.fatal(f'{package} inherits useradd and names no account')
}
