// How Metal is laid out: Google's C++ style with one parameter to a line where they do not all fit, and comments as written.

/** Options of clang-format, as its JSON configuration. */
export const MSL_STYLE: string = JSON.stringify({
  BasedOnStyle: 'Google',
  ColumnLimit: 100,
  BinPackParameters: false,
  BinPackArguments: false,
  BreakAfterOpenBracketFunction: true,
  SortIncludes: 'Never',
  // Buffer tables and formulas are aligned by hand.
  ReflowComments: 'Never',
  AllowShortFunctionsOnASingleLine: 'None',
  AllowShortIfStatementsOnASingleLine: 'Never',
  AllowShortLoopsOnASingleLine: false,
  DerivePointerAlignment: false,
});
