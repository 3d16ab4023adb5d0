// The element types of buffers: one row each, and nothing about a type is written anywhere else.

export const ACTIVATION_DTYPES = ['f16', 'bf16', 'f32'] as const;
export type ActivationDtype = (typeof ACTIVATION_DTYPES)[number];

export type ElementType = ActivationDtype | 'u32' | 'i32' | 'u8' | 'i8' | 'u16';

/** How BF16 lies in a buffer's declared type: as its bits, from MSL 3.0 on, or as MSL 3.1's `bfloat`. The bytes are the same. */
export const BF16_STORAGES = ['ushort', 'bfloat'] as const;
export type Bf16Storage = (typeof BF16_STORAGES)[number];

export interface ElementTypeRow {
  readonly bytes: number;
  /** The MSL type of one element. */
  readonly msl: string;
  /** What people call it in a buffer table. */
  readonly label: string;
}

export const ELEMENT_TYPES: Readonly<Record<ElementType, ElementTypeRow>> = {
  f16: { bytes: 2, msl: 'half', label: 'half' },
  bf16: { bytes: 2, msl: 'ushort', label: 'bf16' },
  f32: { bytes: 4, msl: 'float', label: 'float' },
  u32: { bytes: 4, msl: 'uint', label: 'uint' },
  i32: { bytes: 4, msl: 'int', label: 'int' },
  u16: { bytes: 2, msl: 'ushort', label: 'ushort' },
  u8: { bytes: 1, msl: 'uchar', label: 'uchar' },
  i8: { bytes: 1, msl: 'char', label: 'char' },
};
