/* SPDX-License-Identifier: MIT */
/*
 * Keys, by the names that QEMU has for them (QKeyCode): ROW(CONSTANT, "name", number, set 2, set
 * 3).
 *
 * number is the code of scan code set 1, with bit 7 set where 0xe0 goes before it (as sendkey takes
 * it), the others are codes of those sets (IBM Personal System/2 Technical Reference, keyboards; a
 * code of set 2 has 0xe0 before it where that of set 1 has). 0: the keyboard of a PC has no such
 * key, or that set no code.
 */
#ifndef HW_INPUT_KEYS_H
#define HW_INPUT_KEYS_H

#define INPUT_KEYS(ROW)                                                                            \
    ROW(UNMAPPED, "unmapped", 0, 0, 0)                                                             \
    ROW(SHIFT, "shift", 0x2a, 0x12, 0x12)                                                          \
    ROW(SHIFT_R, "shift_r", 0x36, 0x59, 0x59)                                                      \
    ROW(ALT, "alt", 0x38, 0x11, 0x19)                                                              \
    ROW(ALT_R, "alt_r", 0xb8, 0x11, 0x39)                                                          \
    ROW(CTRL, "ctrl", 0x1d, 0x14, 0x11)                                                            \
    ROW(CTRL_R, "ctrl_r", 0x9d, 0x14, 0x58)                                                        \
    ROW(MENU, "menu", 0x9e, 0x1c, 0)                                                               \
    ROW(ESC, "esc", 0x01, 0x76, 0x08)                                                              \
    ROW(1, "1", 0x02, 0x16, 0x16)                                                                  \
    ROW(2, "2", 0x03, 0x1e, 0x1e)                                                                  \
    ROW(3, "3", 0x04, 0x26, 0x26)                                                                  \
    ROW(4, "4", 0x05, 0x25, 0x25)                                                                  \
    ROW(5, "5", 0x06, 0x2e, 0x2e)                                                                  \
    ROW(6, "6", 0x07, 0x36, 0x36)                                                                  \
    ROW(7, "7", 0x08, 0x3d, 0x3d)                                                                  \
    ROW(8, "8", 0x09, 0x3e, 0x3e)                                                                  \
    ROW(9, "9", 0x0a, 0x46, 0x46)                                                                  \
    ROW(0, "0", 0x0b, 0x45, 0x45)                                                                  \
    ROW(MINUS, "minus", 0x0c, 0x4e, 0x4e)                                                          \
    ROW(EQUAL, "equal", 0x0d, 0x55, 0x55)                                                          \
    ROW(BACKSPACE, "backspace", 0x0e, 0x66, 0x66)                                                  \
    ROW(TAB, "tab", 0x0f, 0x0d, 0x0d)                                                              \
    ROW(Q, "q", 0x10, 0x15, 0x15)                                                                  \
    ROW(W, "w", 0x11, 0x1d, 0x1d)                                                                  \
    ROW(E, "e", 0x12, 0x24, 0x24)                                                                  \
    ROW(R, "r", 0x13, 0x2d, 0x2d)                                                                  \
    ROW(T, "t", 0x14, 0x2c, 0x2c)                                                                  \
    ROW(Y, "y", 0x15, 0x35, 0x35)                                                                  \
    ROW(U, "u", 0x16, 0x3c, 0x3c)                                                                  \
    ROW(I, "i", 0x17, 0x43, 0x43)                                                                  \
    ROW(O, "o", 0x18, 0x44, 0x44)                                                                  \
    ROW(P, "p", 0x19, 0x4d, 0x4d)                                                                  \
    ROW(BRACKET_LEFT, "bracket_left", 0x1a, 0x54, 0x54)                                            \
    ROW(BRACKET_RIGHT, "bracket_right", 0x1b, 0x5b, 0x5b)                                          \
    ROW(RET, "ret", 0x1c, 0x5a, 0x5a)                                                              \
    ROW(A, "a", 0x1e, 0x1c, 0x1c)                                                                  \
    ROW(S, "s", 0x1f, 0x1b, 0x1b)                                                                  \
    ROW(D, "d", 0x20, 0x23, 0x23)                                                                  \
    ROW(F, "f", 0x21, 0x2b, 0x2b)                                                                  \
    ROW(G, "g", 0x22, 0x34, 0x34)                                                                  \
    ROW(H, "h", 0x23, 0x33, 0x33)                                                                  \
    ROW(J, "j", 0x24, 0x3b, 0x3b)                                                                  \
    ROW(K, "k", 0x25, 0x42, 0x42)                                                                  \
    ROW(L, "l", 0x26, 0x4b, 0x4b)                                                                  \
    ROW(SEMICOLON, "semicolon", 0x27, 0x4c, 0x4c)                                                  \
    ROW(APOSTROPHE, "apostrophe", 0x28, 0x52, 0x52)                                                \
    ROW(GRAVE_ACCENT, "grave_accent", 0x29, 0x0e, 0x0e)                                            \
    ROW(BACKSLASH, "backslash", 0x2b, 0x5d, 0x5c)                                                  \
    ROW(Z, "z", 0x2c, 0x1a, 0x1a)                                                                  \
    ROW(X, "x", 0x2d, 0x22, 0x22)                                                                  \
    ROW(C, "c", 0x2e, 0x21, 0x21)                                                                  \
    ROW(V, "v", 0x2f, 0x2a, 0x2a)                                                                  \
    ROW(B, "b", 0x30, 0x32, 0x32)                                                                  \
    ROW(N, "n", 0x31, 0x31, 0x31)                                                                  \
    ROW(M, "m", 0x32, 0x3a, 0x3a)                                                                  \
    ROW(COMMA, "comma", 0x33, 0x41, 0x41)                                                          \
    ROW(DOT, "dot", 0x34, 0x49, 0x49)                                                              \
    ROW(SLASH, "slash", 0x35, 0x4a, 0x4a)                                                          \
    ROW(ASTERISK, "asterisk", 0x37, 0x7c, 0x7e)                                                    \
    ROW(SPC, "spc", 0x39, 0x29, 0x29)                                                              \
    ROW(CAPS_LOCK, "caps_lock", 0x3a, 0x58, 0x14)                                                  \
    ROW(F1, "f1", 0x3b, 0x05, 0x07)                                                                \
    ROW(F2, "f2", 0x3c, 0x06, 0x0f)                                                                \
    ROW(F3, "f3", 0x3d, 0x04, 0x17)                                                                \
    ROW(F4, "f4", 0x3e, 0x0c, 0x1f)                                                                \
    ROW(F5, "f5", 0x3f, 0x03, 0x27)                                                                \
    ROW(F6, "f6", 0x40, 0x0b, 0x2f)                                                                \
    ROW(F7, "f7", 0x41, 0x83, 0x37)                                                                \
    ROW(F8, "f8", 0x42, 0x0a, 0x3f)                                                                \
    ROW(F9, "f9", 0x43, 0x01, 0x47)                                                                \
    ROW(F10, "f10", 0x44, 0x09, 0x4f)                                                              \
    ROW(NUM_LOCK, "num_lock", 0x45, 0x77, 0x76)                                                    \
    ROW(SCROLL_LOCK, "scroll_lock", 0x46, 0x7e, 0x5f)                                              \
    ROW(KP_DIVIDE, "kp_divide", 0xb5, 0x4a, 0x77)                                                  \
    ROW(KP_MULTIPLY, "kp_multiply", 0x37, 0x7c, 0x7e)                                              \
    ROW(KP_SUBTRACT, "kp_subtract", 0x4a, 0x7b, 0x84)                                              \
    ROW(KP_ADD, "kp_add", 0x4e, 0x79, 0x7c)                                                        \
    ROW(KP_ENTER, "kp_enter", 0x9c, 0x5a, 0x79)                                                    \
    ROW(KP_DECIMAL, "kp_decimal", 0x53, 0x71, 0x71)                                                \
    ROW(SYSRQ, "sysrq", 0x54, 0x84, 0x57)                                                          \
    ROW(KP_0, "kp_0", 0x52, 0x70, 0x70)                                                            \
    ROW(KP_1, "kp_1", 0x4f, 0x69, 0x69)                                                            \
    ROW(KP_2, "kp_2", 0x50, 0x72, 0x72)                                                            \
    ROW(KP_3, "kp_3", 0x51, 0x7a, 0x7a)                                                            \
    ROW(KP_4, "kp_4", 0x4b, 0x6b, 0x6b)                                                            \
    ROW(KP_5, "kp_5", 0x4c, 0x73, 0x73)                                                            \
    ROW(KP_6, "kp_6", 0x4d, 0x74, 0x74)                                                            \
    ROW(KP_7, "kp_7", 0x47, 0x6c, 0x6c)                                                            \
    ROW(KP_8, "kp_8", 0x48, 0x75, 0x75)                                                            \
    ROW(KP_9, "kp_9", 0x49, 0x7d, 0x7d)                                                            \
    ROW(LESS, "less", 0x56, 0x61, 0x13)                                                            \
    ROW(F11, "f11", 0x57, 0x78, 0x56)                                                              \
    ROW(F12, "f12", 0x58, 0x07, 0x5e)                                                              \
    ROW(PRINT, "print", 0xb7, 0x7c, 0x57)                                                          \
    ROW(HOME, "home", 0xc7, 0x6c, 0x6e)                                                            \
    ROW(PGUP, "pgup", 0xc9, 0x7d, 0x6f)                                                            \
    ROW(PGDN, "pgdn", 0xd1, 0x7a, 0x6d)                                                            \
    ROW(END, "end", 0xcf, 0x69, 0x65)                                                              \
    ROW(LEFT, "left", 0xcb, 0x6b, 0x61)                                                            \
    ROW(UP, "up", 0xc8, 0x75, 0x63)                                                                \
    ROW(DOWN, "down", 0xd0, 0x72, 0x60)                                                            \
    ROW(RIGHT, "right", 0xcd, 0x74, 0x6a)                                                          \
    ROW(INSERT, "insert", 0xd2, 0x70, 0x67)                                                        \
    ROW(DELETE, "delete", 0xd3, 0x71, 0x64)                                                        \
    ROW(STOP, "stop", 0, 0, 0)                                                                     \
    ROW(AGAIN, "again", 0, 0, 0)                                                                   \
    ROW(PROPS, "props", 0, 0, 0)                                                                   \
    ROW(UNDO, "undo", 0, 0, 0)                                                                     \
    ROW(FRONT, "front", 0, 0, 0)                                                                   \
    ROW(COPY, "copy", 0, 0, 0)                                                                     \
    ROW(OPEN, "open", 0, 0, 0)                                                                     \
    ROW(PASTE, "paste", 0, 0, 0)                                                                   \
    ROW(FIND, "find", 0xe5, 0x10, 0)                                                               \
    ROW(CUT, "cut", 0, 0, 0)                                                                       \
    ROW(LF, "lf", 0, 0, 0)                                                                         \
    ROW(HELP, "help", 0, 0, 0)                                                                     \
    ROW(META_L, "meta_l", 0xdb, 0x1f, 0x8b)                                                        \
    ROW(META_R, "meta_r", 0xdc, 0x27, 0x8c)                                                        \
    ROW(COMPOSE, "compose", 0xdd, 0x2f, 0x8d)                                                      \
    ROW(PAUSE, "pause", 0xc6, 0x77, 0x62)                                                          \
    ROW(RO, "ro", 0x73, 0x51, 0x51)                                                                \
    ROW(HIRAGANA, "hiragana", 0x70, 0x13, 0x87)                                                    \
    ROW(HENKAN, "henkan", 0x79, 0x64, 0x86)                                                        \
    ROW(YEN, "yen", 0x7d, 0x6a, 0x5d)                                                              \
    ROW(MUHENKAN, "muhenkan", 0x7b, 0x67, 0x85)                                                    \
    ROW(KATAKANAHIRAGANA, "katakanahiragana", 0x70, 0x13, 0x87)                                    \
    ROW(KP_COMMA, "kp_comma", 0x7e, 0x6d, 0x7b)                                                    \
    ROW(KP_EQUALS, "kp_equals", 0x59, 0x0f, 0)                                                     \
    ROW(POWER, "power", 0xde, 0x37, 0)                                                             \
    ROW(SLEEP, "sleep", 0xdf, 0x3f, 0)                                                             \
    ROW(WAKE, "wake", 0xe3, 0x5e, 0)                                                               \
    ROW(AUDIONEXT, "audionext", 0x99, 0x4d, 0x93)                                                  \
    ROW(AUDIOPREV, "audioprev", 0x90, 0x15, 0x94)                                                  \
    ROW(AUDIOSTOP, "audiostop", 0xa4, 0x3b, 0x98)                                                  \
    ROW(AUDIOPLAY, "audioplay", 0xa2, 0x34, 0)                                                     \
    ROW(AUDIOMUTE, "audiomute", 0xa0, 0x23, 0x9c)                                                  \
    ROW(VOLUMEUP, "volumeup", 0xb0, 0x32, 0x95)                                                    \
    ROW(VOLUMEDOWN, "volumedown", 0xae, 0x21, 0x9d)                                                \
    ROW(MEDIASELECT, "mediaselect", 0xed, 0x50, 0)                                                 \
    ROW(MAIL, "mail", 0xec, 0x48, 0)                                                               \
    ROW(CALCULATOR, "calculator", 0xa1, 0x2b, 0xa3)                                                \
    ROW(COMPUTER, "computer", 0xeb, 0x40, 0)                                                       \
    ROW(AC_HOME, "ac_home", 0xb2, 0x3a, 0x97)                                                      \
    ROW(AC_BACK, "ac_back", 0xea, 0x38, 0)                                                         \
    ROW(AC_FORWARD, "ac_forward", 0xe9, 0x30, 0)                                                   \
    ROW(AC_REFRESH, "ac_refresh", 0xe7, 0x20, 0)                                                   \
    ROW(AC_BOOKMARKS, "ac_bookmarks", 0xe6, 0x18, 0)                                               \
    ROW(LANG1, "lang1", 0x72, 0xf2, 0)                                                             \
    ROW(LANG2, "lang2", 0x71, 0xf1, 0)                                                             \
    ROW(F13, "f13", 0x64, 0x08, 0)                                                                 \
    ROW(F14, "f14", 0x65, 0x10, 0)                                                                 \
    ROW(F15, "f15", 0x66, 0x18, 0)                                                                 \
    ROW(F16, "f16", 0x67, 0x20, 0)                                                                 \
    ROW(F17, "f17", 0x68, 0x28, 0)                                                                 \
    ROW(F18, "f18", 0x69, 0x30, 0)                                                                 \
    ROW(F19, "f19", 0x6a, 0x38, 0)                                                                 \
    ROW(F20, "f20", 0x6b, 0x40, 0)                                                                 \
    ROW(F21, "f21", 0x6c, 0x48, 0)                                                                 \
    ROW(F22, "f22", 0x6d, 0x50, 0)                                                                 \
    ROW(F23, "f23", 0x6e, 0x57, 0)                                                                 \
    ROW(F24, "f24", 0x76, 0x5f, 0)

#endif
