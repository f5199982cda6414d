const BASE64 = /^[A-Za-z0-9+/]*={0,2}$/;

/**
 * The bytes of a text message: standard base64 with padding, white space around it trimmed. Undefined when it is anything else.
 * PROTOCOL.md 2.7.
 */
export function decodeText(message: Buffer): Buffer | undefined {
  const text = message.toString('utf8').trim();
  if (text.length % 4 !== 0 || !BASE64.test(text)) return undefined;
  const bytes = Buffer.from(text, 'base64');
  // Spare bits behind the last byte must be zero, or the same bytes would have several spellings.
  return bytes.toString('base64') === text ? bytes : undefined;
}
