# SPDX-License-Identifier: GPL-2.0-only
"""Traps of a page size that is chosen at boot, which a boot that goes well does not show.

Each, and where it is tested:

- The header of a hibernation image is cleared beyond its page: here.
- Tables of the ID map for KPTI are held against the wrong limit: here; and by a boot with KPTI and
  without KASLR, test_arm64.test_the_page_tables_are_isolated.
- The FDT or the image is mapped again over entries of another granule: here.
- KVM forgets force_pte where no block fits: here.
- Code of nVHE reads TCR_EL1, which may be the guest's: here.
- Constructors run before kasan_init(): here; and by a boot with KASAN,
  test_boot.test_other_flavours_boot_at_every_page_size.
- Kconfig takes the page size to be 64K: here; vmxnet3 at work is exercises/vmxnet3.sh.
- C code sees a CONFIG_PAGE_SHIFT: here.
- EFI has to align the image for the largest stack: here. Firmware does not; the stub does.
- A fault in the data of the vDSO takes the offset of a page of another size: the guest's checks
  vdso.no_system_call, vdso.time_namespace and compat.time_namespace (guest/src/clock.c, compat.c),
  in test_boot.test_one_image_boots_at_every_page_size and test_arm64.
- The crash utility takes the size of a stack from a type, and gdb's scripts the page size from
  Kconfig: here.
- Storage of each CPU has room for the largest page: here.

Some run a part of the kernel as a program of the host, with each page size: folder traps.
"""

import re
import shlex
import struct
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from elftools.elf.constants import SH_FLAGS
from elftools.elf.elffile import ELFFile
from elftools.elf.sections import Symbol, SymbolTableSection

from anypage.build import CROSS_COMPILE, Build
from anypage.geometry import Geometry, PageSize
from anypage.index import in_scope
from anypage.page_config import settled
from anypage.process import run
from anypage.source.c import CFile, parse
from anypage.source.lexer import tokens

HARNESS = Path(__file__).with_name("traps")
SIZES = tuple(PageSize)
SEGMENT_ALIGN = 64 << 10
THREAD_SIZE_MAX = 64 << 10


def function(text: str, name: str) -> str:
    """The definition of a function; in a kernel it ends with a brace in column 1."""
    match = re.search(rf"^\w[^\n;={{}}]*\b{name}\([^;{{}}]*\)\n{{\n.*?^}}\n", text, re.M | re.S)
    assert match, f"no function {name}"
    return match[0]


def between(text: str, start: str, end: str) -> str:
    """From a text to another one, which stands once behind it; without that."""
    _, found, rest = text.partition(start)
    assert found and end in rest, f"not between {start!r} and {end!r}"
    return start + rest.partition(end)[0]


class Program:
    """A program of the host with a part of a kernel in it; kernel.h is that part.

    Headers that neither the tree nor the harness has are empty.
    """

    def __init__(self, name: str, folder: Path, kernel: str, files: dict[str, str]) -> None:
        self.source, self.folder = HARNESS / f"{name}.c", folder
        texts = files | {"kernel.h": kernel, "pi.h": ""}
        for include in re.findall(r'#include [<"](\S+)[>"]', "".join(texts.values())):
            texts.setdefault(include, "")
        for path, text in texts.items():
            (folder / path).parent.mkdir(parents=True, exist_ok=True)
            (folder / path).write_text(text)

    def output(self, *arguments: object, defines: dict[str, int] | None = None) -> str:
        """Compiled and run; defines are macros."""
        program = self.folder / "program"
        options = [f"-D{name}={value}" for name, value in (defines or {}).items()]
        include = [f"-I{HARNESS}", f"-I{self.folder}"]
        # The same addresses each time.
        options += ["-std=gnu11", "-O1", "-w", "-fno-pie", "-no-pie"]
        run(["gcc", *options, *include, "-o", program, self.source])
        return run([program, *map(str, arguments)]).decode()


def hibernation_header(tree: Path, folder: Path) -> Program:
    power = tree / "kernel/power"
    struct_text = between((power / "power.h").read_text(), "struct swsusp_info {", "\n#ifdef")
    code = function((power / "snapshot.c").read_text(), "init_header")
    return Program("hibernate_header", folder, struct_text + code, {})


@pytest.mark.slow
@pytest.mark.parametrize("size", SIZES)
def test_the_header_of_an_image_is_cleared_to_the_end_of_its_page(
    tree: Path, tmp_path: Path, size: PageSize
) -> None:
    """A header that is as large as the largest page is longer than the buffer, which is a page."""
    program = hibernation_header(tree, tmp_path)
    assert program.output(size.shift) == f"{int(size)}\n"


PAGE_TABLE_HEADERS = ("boot.h", "kernel-pgtable.h", "pgtable-hwdef.h")
BOOT_TIME = {"CONFIG_ARM64_BOOT_TIME_PAGE_SIZE": 1}


def page_tables(tree: Path, name: str, folder: Path, kernel: str) -> Program:
    headers = tree / "arch/arm64/include/asm"
    files = {f"asm/{header}": (headers / header).read_text() for header in PAGE_TABLE_HEADERS}
    return Program(name, folder, kernel, files)


def id_map(tree: Path, folder: Path) -> Program:
    arm64 = tree / "arch/arm64"
    map_range = function((arm64 / "kernel/pi/map_range.c").read_text(), "map_range")
    text = (arm64 / "mm/mmu.c").read_text()
    tables = between(text, "#define IDMAP_PTES_SIZE", "void __init paging_init")
    return page_tables(tree, "idmap", folder, map_range + tables)


@pytest.mark.slow
def test_the_tables_of_the_id_map_suffice_with_kpti(tree: Path, tmp_path: Path) -> None:
    """The flag of the code that makes the entries not global has tables of its own.

    Held against the limit of other tables, they overflow, or the CPU is stopped for no reason.
    """
    assert id_map(tree, tmp_path).output(defines=BOOT_TIME) == ""


def early_map(tree: Path, folder: Path) -> Program:
    code = tree / "arch/arm64/kernel/pi"
    text = (code / "map_kernel.c").read_text()
    whole = "".join((code / name).read_text() for name in ("map_range.c", "granule.c"))
    parts = "".join(function(text, name) for name in ("map_fdt", "early_map_kernel"))
    return page_tables(tree, "early_map", folder, whole + parts)


@pytest.mark.slow
@pytest.mark.parametrize("size", SIZES)
def test_no_entry_of_another_granule_is_left_in_the_early_tables(
    tree: Path, tmp_path: Path, size: PageSize
) -> None:
    """The image is mapped with the smallest granule, and again with the chosen one; so may the FDT.

    A table that is used again has to be cleared before: what an old entry is to the new granule is
    an address that is neither the image nor the FDT, or is mapped to another one.
    """
    program = early_map(tree, tmp_path)
    assert program.output(size.shift, defines=BOOT_TIME) == ""


def mapping_sizes(tree: Path, folder: Path, size: PageSize) -> list[str]:
    geometry = Geometry(size)
    shifts = {
        "PAGE_SHIFT": geometry.level_shift(3),
        "PMD_SHIFT": geometry.level_shift(2),
        "PUD_SHIFT": geometry.level_shift(1),
        "CONT_PTE_SHIFT": geometry.cont_pte_size.bit_length() - 1,
        "CONT_PMD_SHIFT": geometry.cont_pmd_size.bit_length() - 1,
    }
    text = function((tree / "arch/arm64/kvm/mmu.c").read_text(), "user_mem_abort")
    code = between(text, "\tif (logging_active) {", "\tif (nested) {")
    return Program("stage2_size", folder, code, {}).output(defines=shifts).splitlines()


@pytest.mark.slow
@pytest.mark.parametrize("size", SIZES)
def test_kvm_maps_single_pages_where_no_block_fits(
    pristine: Path, tree: Path, tmp_path: Path, size: PageSize
) -> None:
    """A switch on sizes that are no constants becomes a chain of ifs, which has to choose the same.

    Where a block does not fit, force_pte keeps what follows from making one after all.
    """
    wanted = mapping_sizes(pristine, tmp_path / "pristine", size)
    assert len(wanted) == 48
    assert mapping_sizes(tree, tmp_path / "converted", size) == wanted


MRS_TCR_EL1 = 0xD5382040


def reads_tcr_el1(object_file: Path) -> bool:
    """Whether any instruction is `mrs xN, tcr_el1`; those that replace others count."""
    with object_file.open("rb") as file:
        for section in ELFFile(file).iter_sections():
            if section["sh_flags"] & SH_FLAGS.SHF_EXECINSTR:
                data = section.data()
                words = struct.unpack_from(f"<{len(data) // 4}I", data)
                if any(word & ~0x1F == MRS_TCR_EL1 for word in words):
                    return True
    return False


def compiled(build_folder: Path, name: str, arguments: list[str], source: str = "") -> bytes:
    """What the compiler says with the options that a build had for an object."""
    folder, _, base = name.rpartition("/")
    command = (build_folder / folder / f".{base}.cmd").read_text().splitlines()[0]
    words = shlex.split(command.partition(" := ")[2])
    options = words[words.index(f"{CROSS_COMPILE}gcc") + 1 : words.index("-c")]
    kept = [word for word in options if not word.startswith("-Wp,")]
    inputs = arguments if source else [*arguments, words[-1]]
    command_line = [f"{CROSS_COMPILE}gcc", *kept, *inputs]
    return run(command_line, cwd=build_folder, stdin=source.encode())


def shared_with_nvhe(tree: Path) -> list[str]:
    """The objects of arch/arm64/lib that are assembled again for nVHE."""
    makefile = (tree / "arch/arm64/kvm/hyp/nvhe/Makefile").read_text()
    match = re.search(r"^lib-objs := (.*\.o)$", makefile, re.M)
    assert match
    return match[1].split()


@pytest.mark.slow
def test_what_nvhe_shares_with_the_kernel_does_not_read_tcr_el1(
    image: Build, tree: Path, tmp_path: Path
) -> None:
    """At EL2 without VHE, TCR_EL1 may be the guest's: clear_page() would take its granule."""
    names = shared_with_nvhe(tree)
    assert {"clear_page.o", "copy_page.o"} <= set(names)
    for name in names:
        options = ["-D__KVM_NVHE_HYPERVISOR__", "-c", "-o", str(tmp_path / name)]
        compiled(image.objects, f"arch/arm64/lib/{name}", options)
        assert not reads_tcr_el1(tmp_path / name), name


# They save and restore it, or change it for an erratum: the guest's is meant.
READERS = {"sysreg-sr.nvhe.o", "switch.nvhe.o", "tlb.nvhe.o"}


def nvhe_readers(objects: Path) -> set[str]:
    files = list((objects / "arch/arm64").rglob("*.nvhe.o"))
    assert len(files) > 30
    return {file.name for file in files if reads_tcr_el1(file)}


@pytest.mark.slow
@pytest.mark.full
def test_nvhe_does_not_take_its_page_size_from_tcr_el1(seed_image: Build) -> None:
    """As above, for all of what is linked into it."""
    assert nvhe_readers(seed_image.objects) == READERS


def words(text: str) -> list[str]:
    data = text.encode()
    return [token.text.decode() for token in tokens(data, 0, len(data))]


def order_of_boot(tree: Path) -> dict[str, list[str]]:
    """What the functions do in which constructors run, but for the values of the page size."""
    text = (tree / "init/main.c").read_text()
    names = ("start_kernel", "kernel_init_freeable", "do_basic_setup", "do_ctors")
    ours = "\tinit_page_size_values();\n"
    return {name: words(function(text, name).replace(ours, "")) for name in names}


@pytest.mark.slow
def test_constructors_run_where_they_did(pristine: Path, tree: Path) -> None:
    """Values that follow from the page size are needed early, and KASAN's constructors may not be.

    They register global variables, in shadow memory that is there after kasan_init().
    """
    before, after = (order_of_boot(path) for path in (pristine, tree))
    assert "do_ctors" in before["do_basic_setup"]
    assert after == before
    assert (tree / "init/main.c").read_text().count("do_ctors()") == 1
    assert "constructor" not in words((tree / "include/linux/page_size_init.h").read_text())


def all_options(tree: Path, folder: Path, choice: str) -> set[str]:
    """Whatever is offered with a page size, but for what is only there to be compiled."""
    wanted = f"CONFIG_{choice}=y\nCONFIG_ARM64_VA_BITS_48=y\n# CONFIG_COMPILE_TEST is not set\n"
    (folder / "wanted").write_text(wanted)
    variables = (f"O={folder}", "ARCH=arm64", f"CROSS_COMPILE={CROSS_COMPILE}")
    run(
        ["make", "-s", "-C", tree, *variables, "allmodconfig"],
        env={"KCONFIG_ALLCONFIG": str(folder / "wanted")},
    )
    options = set(re.findall(r"^CONFIG_(\w+)=", (folder / ".config").read_text(), re.M))
    assert choice in options
    return options


@pytest.mark.slow
@pytest.mark.parametrize(
    "size",
    [
        PageSize.SIZE_4K,
        pytest.param(PageSize.SIZE_16K, marks=pytest.mark.full),
        pytest.param(PageSize.SIZE_64K, marks=pytest.mark.full),
    ],
)
def test_all_that_kconfig_offers_with_a_page_size_is_offered(
    tree: Path, tmp_path: Path, size: PageSize
) -> None:
    """An option that excludes 64K is lost where the choice at boot counts as 64K."""
    number = int(size) >> 10
    fixed = all_options(tree, tmp_path, f"ARM64_{number}K_PAGES")
    boot = all_options(tree, tmp_path, "ARM64_BOOT_TIME_PAGE_SIZE")
    # They say which page size it is, or what was computed from it.
    fixed -= {f"ARM64_{number}K_PAGES", f"HAVE_PAGE_SIZE_{number}KB", f"PAGE_SIZE_{number}KB"}
    fixed -= {"PAGE_SHIFT", "PAGE_SIZE_LESS_THAN_64KB", "ARCH_FORCE_MAX_ORDER"}
    fixed -= {"ARM64_CONT_PTE_SHIFT", "ARM64_CONT_PMD_SHIFT"}
    assert fixed - boot == set()
    assert {"THP_SWAP", "ARCH_WANT_HUGE_PMD_SHARE", "VMXNET3", "DRM_XE"} <= boot


def macros(objects: Path) -> set[str]:
    text = (objects / "include/generated/autoconf.h").read_text()
    return set(re.findall(r"^#define (\w+)", text, re.M))


@pytest.mark.slow
def test_there_is_no_page_shift_from_kconfig(image: Build) -> None:
    """A CONFIG_PAGE_SHIFT of any value is wrong at two page sizes; without one it is an error."""
    assert "CONFIG_PAGE_SIZE_BOOT_TIME" in macros(image.objects)
    assert "CONFIG_PAGE_SHIFT" not in macros(image.objects)


def uses_of_page_shift(tree: Path) -> Iterator[tuple[str, bool]]:
    """The files that have a CONFIG_PAGE_SHIFT, and whether it is for fixed page sizes alone."""
    listed = run(["git", "-C", tree, "grep", "-lw", "CONFIG_PAGE_SHIFT", "--", "*.[chS]"])
    for path in filter(in_scope, listed.decode().splitlines()):
        data = (tree / path).read_bytes()
        for match in re.finditer(rb"\bCONFIG_PAGE_SHIFT\b", data):
            yield path, _is_for_fixed_sizes(parse(data, ()), match.start())


def _is_for_fixed_sizes(c: CFile, at: int) -> bool:
    around = [
        number
        for number, conditional in enumerate(c.conditionals)
        if conditional.arms[0].start <= at and conditional.endif and at < conditional.endif.start
    ]
    return bool(around) and settled(c, max(around), at)


@pytest.mark.slow
def test_page_shift_from_kconfig_is_used_for_fixed_sizes_only(tree: Path) -> None:
    """In an #if, a name without a value is 0, and no error."""
    uses = list(uses_of_page_shift(tree))
    assert "arch/arm64/include/asm/page-def.h" in {path for path, _ in uses}
    assert [path for path, settles in uses if not settles] == []


def section_alignment(image: bytes) -> tuple[int, list[int]]:
    """From the PE header of an image: the alignment of sections, and where each begins."""
    (header,) = struct.unpack_from("<I", image, 0x3C)
    assert image[header : header + 4] == b"PE\0\0"
    (count,) = struct.unpack_from("<H", image, header + 6)
    (optional_size,) = struct.unpack_from("<H", image, header + 20)
    (alignment,) = struct.unpack_from("<I", image, header + 24 + 32)
    table = header + 24 + optional_size
    starts = [struct.unpack_from("<I", image, table + 40 * n + 12)[0] for n in range(count)]
    return alignment, starts


@pytest.mark.slow
def test_firmware_has_to_align_the_sections_of_the_image_as_before(image: Build) -> None:
    """64K, as for each fixed page size: SEGMENT_ALIGN. A loader may know no larger alignment."""
    alignment, starts = section_alignment(image.image.read_bytes())
    assert alignment == SEGMENT_ALIGN
    assert len(starts) == 2
    assert [start % SEGMENT_ALIGN for start in starts] == [0, 0]


def stub_alignment(objects: Path) -> int:
    """EFI_KIMG_ALIGN as the EFI stub has it."""
    source = "#include <linux/efi.h>\n#include <asm/efi.h>\nchar probe[EFI_KIMG_ALIGN];\n"
    options = ["-S", "-o", "-", "-x", "c", "-"]
    text = compiled(objects, "drivers/firmware/efi/libstub/arm64-stub.o", options, source).decode()
    match = re.search(r"\.size\s+probe, (\d+)", text)
    assert match
    return int(match[1])


@pytest.mark.slow
def test_the_efi_stub_asks_for_no_more_than_with_64k_pages(image: Build) -> None:
    """Twice the largest stack, so that one bit of a stack pointer tells an overflow.

    With fixed pages of 4K or 16K it asks for half of that. It runs before the page size is chosen.
    """
    assert stub_alignment(image.objects) == 2 * THREAD_SIZE_MAX


def symbol(path: Path, name: str) -> Symbol:
    with path.open("rb") as file:
        section = ELFFile(file).get_section_by_name(".symtab")
        assert isinstance(section, SymbolTableSection)
        (found,) = section.get_symbol_by_name(name) or []
        return found


@pytest.mark.slow
def test_the_type_of_a_stack_has_the_size_of_most_stacks(image: Build, tmp_path: Path) -> None:
    source = "#include <linux/sched.h>\nchar stack[sizeof(union thread_union)];\n"
    options = ["-x", "c", "-c", "-o", str(tmp_path / "stack.o"), "-"]
    compiled(image.objects, "init/main.o", options, source)
    assert symbol(tmp_path / "stack.o", "stack")["st_size"] == 16 << 10


@pytest.mark.slow
@pytest.mark.parametrize(
    ("size", "function"),
    [
        (96, "__kmalloc_cache_noprof"),
        (8 << 10, "__kmalloc_cache_noprof"),
        # Of 4K pages these are whole ones; of 16K and 64K pages there is a cache.
        (16 << 10, "__kmalloc_noprof"),
        (128 << 10, "__kmalloc_noprof"),
        (256 << 10, "__kmalloc_large_noprof"),
    ],
)
def test_memory_of_a_constant_size_finds_its_cache_when_compiled(
    image: Build, size: int, function: str
) -> None:
    source = f"#include <linux/slab.h>\nvoid *f(void) {{ return kmalloc({size}, GFP_KERNEL); }}\n"
    text = compiled(image.objects, "init/main.o", ["-S", "-o", "-", "-x", "c", "-"], source)
    assert re.findall(r"\tbl?\t(\w+)$", text.decode(), re.M) == [function]


GDB = """
import sys
from unittest.mock import MagicMock

class Command:
    def __init__(self, *arguments):
        pass

gdb = sys.modules["gdb"] = MagicMock()
gdb.Command = gdb.Function = Command
gdb.lookup_type.return_value.sizeof = 64
gdb.parse_and_eval.side_effect = lambda text: int(sys.argv[1]) if "__page_shift" in text else 1
from linux import mm
pages = mm.aarch64_page_ops()
print(pages.PAGE_SHIFT, pages.SECTION_SIZE_BITS, pages.MAX_ORDER)
"""


@pytest.mark.slow
@pytest.mark.parametrize("numbers", ["12 27 10", "14 27 11", "16 29 13"])
def test_gdbs_scripts_load_and_have_the_page_size_of_the_boot(
    image: Build, tree: Path, tmp_path: Path, numbers: str
) -> None:
    scripts = tree / "scripts/gdb/linux"
    (tmp_path / "linux").mkdir()
    for path in scripts.glob("*.py"):
        (tmp_path / "linux" / path.name).symlink_to(path)
    source = (scripts / "constants.py.in").read_text()
    made = compiled(image.objects, "init/main.o", ["-E", "-x", "c", "-P", "-"], source)
    constants = made.decode().partition("<!-- end-c-headers -->")[2].partition("\n")[2]
    (tmp_path / "linux/constants.py").write_text(constants)
    shift = numbers.split()[0]
    said = run([sys.executable, "-c", GDB, shift], env={"PYTHONPATH": str(tmp_path)})
    assert said.decode().strip() == numbers


@pytest.mark.slow
@pytest.mark.full
def test_storage_of_each_cpu_is_not_that_of_the_largest_page(seed_image: Build) -> None:
    """Buffers for stack traces alone had 512K, of which a kernel of 4K pages uses 32K."""
    start, end = (
        symbol(seed_image.objects / "vmlinux", f"__per_cpu_{name}")["st_value"]
        for name in ("start", "end")
    )
    assert end - start < 128 << 10
